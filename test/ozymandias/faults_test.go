package ozymandias

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/test/clock"
)

// A story is a cluster with which things go wrong, as a random number says.
type story struct {
	*cluster
	*rand.Rand
}

// faults are all kinds of them. Each begins when all that is wanted runs.
var faults = []struct {
	name  string
	wrong func(*story)
}{
	{"a node's process is killed, and started again at once", (*story).restart},
	{"a node is killed, its watchdog is not", (*story).killNode},
	{"a node stands still, and goes on later", (*story).freeze},
	{"a node and its watchdog are killed", (*story).killBoth},
	{"a watchdog is killed", (*story).killWatchdog},
	{"podman is killed", (*story).killPodman},
	{"an instance is killed", (*story).killInstance},
	{"two members of etcd are lost", (*story).loseMajority},
	{"a node is cut off", (*story).cut},
	{"a disk is full", (*story).fillDisk},
	{"two nodes are told at once what there is room for once", (*story).conflict},
	{"a node is drained", (*story).drain},
	{"a node's clock is set", (*story).setClock},
}

// TestFaults has them go wrong one after the other with each of two clusters, at the same time: they wait most of the time.
func TestFaults(t *testing.T) {
	t.Parallel()
	t.Logf("-args -seed=%d -faults=%d", *seed, *more)
	draw := rand.New(rand.NewPCG(*seed, 0))
	order := draw.Perm(len(faults))
	for range *more {
		order = append(order, draw.IntN(len(faults)))
	}
	next := make(chan int, len(order))
	for at := range order {
		next <- at
	}
	close(next)
	for _, cluster := range []string{"one", "other"} {
		t.Run(cluster, func(t *testing.T) {
			t.Parallel()
			c := newCluster(t)
			c.begin(newJobs())
			for at := range next {
				s := &story{c, rand.New(rand.NewPCG(*seed, uint64(at)+1))}
				s.step(faults[order[at]].name, func() { faults[order[at]].wrong(s) })
			}
		})
	}
}

// step has one thing go wrong, every other time while a new version is being deployed, and waits until all is well again.
func (s *story) step(name string, wrong func()) {
	s.Helper()
	var deployed sync.WaitGroup
	if s.IntN(2) == 0 {
		name += ", in a deploy"
		web := s.jobs[0]
		web.version++
		next := *web
		deployed.Go(func() {
			if err := s.apply(&next); err != nil {
				s.Error(err)
			}
		})
	}
	s.Logf("%s: %s", time.Now().Format(time.TimeOnly), name)
	began := time.Now()
	wrong()
	deployed.Wait()
	s.settled(s.nodes)
	s.Logf("  all is well after %s", time.Since(began).Round(time.Second/10))
}

// any is one of the nodes.
func (s *story) any() *node { return s.nodes[s.IntN(len(s.nodes))] }

// others are all nodes but these.
func (s *story) others(but ...*node) (nodes []*node) {
	for _, n := range s.nodes {
		if !slices.Contains(but, n) {
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// vacated waits until what ran on a node runs elsewhere, but for the instances of a job that stays.
func (s *story) vacated(n *node, stays string) {
	s.Helper()
	began := time.Now()
	s.witness.until("nothing runs on "+n.name, func(there []process) string {
		for _, p := range there {
			if p.Node == n.name && p.Job != stays {
				return p.String() + " does"
			}
		}
		return ""
	})
	stopped := time.Since(began)
	s.witness.until("all runs elsewhere", s.runs(s.others(n), stays))
	s.Logf("  what ran on %s has ended after %s, and runs elsewhere after %s", n.name, stopped.Round(time.Second/10), time.Since(began).Round(time.Second/10))
	s.settled(s.others(n), stays)
}

// A moment is what a node runs, and how much it has logged.
type moment struct {
	*node
	there []process
	said  int
}

func (n *node) moment() moment { return moment{n, n.witness.on(n.name), len(n.logged())} }

// same looks that a node's instances go on in the processes in which they were, unless they have been moved or deployed anew; and that it
// does what it is told.
func (s *story) same(before moment) {
	s.Helper()
	each := s.jobs[2] // which is on that node as well
	each.version++
	if err := s.apply(each); err != nil {
		s.Fatal(err)
	}
	s.settled(s.nodes)
	if said := before.logged()[before.said:]; strings.Contains(said, "lease is not renewed") {
		s.Logf("  the machine had no time for etcd: %s was to stop what it ran", before.name)
		return
	}
	for _, now := range s.witness.now() {
		for _, p := range before.there {
			if p.instance() == now.instance() && p.Epoch == now.Epoch && p.pid != now.pid {
				s.Errorf("%s was ended, and started again as %s", p, now)
			}
		}
	}
}

func (s *story) restart() {
	n, signal := s.any(), []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[s.IntN(2)]
	before := n.moment()
	began := time.Now()
	n.stop(signal)
	n.start()
	n.await()
	adopted, joined := false, false
	s.until("it is known whether the lease still lived", func() error {
		said := n.logged()[before.said:]
		adopted, joined = strings.Contains(said, "taking up what runs"), strings.Contains(said, "the node has joined")
		if !adopted && !joined {
			return errors.New("it is not")
		}
		return nil
	})
	if !adopted {
		s.Logf("  the lease of %s had run out; it was back after %s", n.name, time.Since(began).Round(time.Second/10))
		return
	}
	s.same(before)
}

func (s *story) killNode() {
	n := s.any()
	n.stop(syscall.SIGKILL)
	s.vacated(n, "kept")
	n.start()
	n.await()
}

func (s *story) freeze() {
	n := s.any()
	n.send(syscall.SIGSTOP)
	s.vacated(n, "kept")
	n.send(syscall.SIGCONT)
	n.await()
}

// killBoth leaves nobody who would stop what runs on the node: it goes on, and runs elsewhere as well, until the node is started again.
func (s *story) killBoth() {
	n := s.any()
	watchdog := n.watchdogs()
	if len(watchdog) == 0 {
		s.Errorf("%s has no watchdog", n.name)
	}
	s.witness.release(n.name)
	n.stop(syscall.SIGKILL)
	s.kill(watchdog...)
	if err := s.tell("see "+n.name+" be given up", func(ctx context.Context, node *client.Client) error {
		this, err := node.Node(ctx, n.name)
		if err == nil && this.Phase != "Lost" {
			err = fmt.Errorf("it is %s", this.Phase)
		}
		return err
	}); err != nil {
		s.Fatal(err)
	}
	s.witness.until("all runs elsewhere as well", s.runs(s.others(n)))
	before := s.witness.on(n.name)
	n.start()
	s.Logf("  %d processes went on at %s without anybody to stop them, until %s after its start", len(before), n.name, s.ended(before...).Round(time.Second/10))
	s.witness.hold(n.name)
	n.await()
}

func (s *story) killWatchdog() {
	n := s.any()
	before, old := n.moment(), n.watchdogs()
	s.kill(old...)
	s.until("there is another watchdog", func() error {
		for _, pid := range n.watchdogs() {
			if !slices.Contains(old, pid) {
				return nil
			}
		}
		return errors.New("there is none")
	})
	s.same(before)
}

func (s *story) killPodman() {
	n := s.any()
	before := n.moment()
	old := n.beside("unix://" + n.podman().Socket())
	if len(old) == 0 {
		s.Errorf("%s has no podman", n.name)
	}
	s.kill(old...)
	s.same(before)
}

func (s *story) killInstance() {
	there := s.witness.now()
	p := there[s.IntN(len(there))]
	s.kill(p.pid)
	s.ended(p)
}

// ended waits until processes have.
func (s *story) ended(processes ...process) time.Duration {
	s.Helper()
	return s.witness.until("they have ended", func(there []process) string {
		for _, p := range processes {
			if slices.Contains(there, p) {
				return p.String() + " has not"
			}
		}
		return ""
	})
}

// kill kills processes, of which each may have ended.
func (s *story) kill(pids ...int) {
	s.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.Errorf("kill process %d: %v", pid, err)
		}
	}
}

// stopped waits until nothing runs at all, but what is to be kept.
func (s *story) stopped() {
	s.Helper()
	took := s.witness.until("all has been stopped", func(there []process) string {
		for _, p := range there {
			if p.Job != "kept" {
				return p.String() + " runs"
			}
		}
		return ""
	})
	s.Logf("  all has been stopped after %s", took.Round(time.Second/10))
}

// loseMajority leaves etcd one member of three: nodes are killed, or all are cut off from each other. What ran is stopped everywhere.
func (s *story) loseMajority() {
	if s.IntN(2) == 0 {
		s.Log("  nobody hears anybody")
		for _, n := range s.nodes {
			s.lose(n, netnstest.Both)
		}
		s.stopped()
		for _, n := range s.nodes {
			s.lose(n, netnstest.Nothing)
		}
		return
	}
	left := s.any()
	s.Logf("  only %s is left", left.name)
	for _, n := range s.others(left) {
		n.stop(syscall.SIGKILL)
	}
	s.stopped()
	for _, n := range s.others(left) {
		n.start()
	}
}

// cut has a node not hear, or not be heard, or both.
func (s *story) cut() {
	n, cut := s.any(), netnstest.Cut(1+s.IntN(3))
	s.Logf("  what is lost of %s: in %t, out %t", n.name, cut&netnstest.In != 0, cut&netnstest.Out != 0)
	s.lose(n, cut)
	s.vacated(n, "kept")
	s.until(n.name+" says that it knows only how things stood before", func() error {
		warned := ""
		asking := client.Local(n.run())
		asking.Warn = func(text string) { warned = text }
		defer asking.Close()
		_, err := asking.Nodes(s.patient())
		if err == nil && !strings.Contains(warned, "has heard nothing of etcd for") {
			err = fmt.Errorf("it warns of %q", warned)
		}
		return err
	})
	s.lose(n, netnstest.Nothing)
	n.await()
}

func (s *story) lose(n *node, cut netnstest.Cut) {
	s.Helper()
	if err := n.machine.Lose(cut); err != nil {
		s.Fatal(err)
	}
}

// fillDisk leaves a node hardly any disk: it says so, and what can go elsewhere does. Then there is none at all, and what is left there ends:
// it is not started again, and perhaps the node's process cannot go on, either. When there is room, the node is itself again.
func (s *story) fillDisk() {
	n := s.nodes[len(s.nodes)-1] // which has one of its own
	file, err := os.Create(filepath.Join(n.dir, "full"))
	if err != nil {
		s.Fatal(err)
	}
	s.fill(file, hardly)
	s.until("the node says that its disk is full", func() error {
		this, err := s.others(n)[0].sees(n)
		if err == nil && (this.Phase != v1.Unfit || !strings.Contains(this.Message, "the disk of "+n.data()+" is full")) {
			err = fmt.Errorf("it is %s: %s", this.Phase, this.Message)
		}
		return err
	})
	s.vacated(n, "each")
	s.until("nothing else is on "+n.name, n.tidy)

	log := n.logged()
	s.fill(file, nothing)
	left := s.witness.on(n.name)
	for _, p := range left {
		s.kill(p.pid)
	}
	s.ended(left...)
	s.until("it is said why nothing runs there", func() error {
		s.fill(file, nothing) // what the node gives up
		this, err := s.others(n)[0].sees(n)
		said := n.logged()[len(log):]
		full := this.Phase == v1.Unfit && strings.Contains(this.Message, "is full: 0 MB are left") ||
			this.Phase == v1.Away && strings.Contains(said, syscall.ENOSPC.Error())
		if err == nil && !full {
			err = fmt.Errorf("it is %s: %s; and it says\n%s", this.Phase, this.Message, said)
		}
		return err
	})
	s.settled(s.others(n), "each")
	if err := errors.Join(file.Close(), os.Remove(file.Name())); err != nil {
		s.Fatal(err)
	}
	n.await()
}

// hardly any disk is so little that a node is to run nothing any more, and more than it needs for itself.
const hardly, nothing = 100 << 20, 0

// fill has a file grow until that much is left of the disk.
func (s *story) fill(file *os.File, left int64) {
	s.Helper()
	var disk unix.Statfs_t
	if err := unix.Fstatfs(int(file.Fd()), &disk); err != nil {
		s.Fatal(err)
	}
	info, err := file.Stat()
	if err != nil {
		s.Fatal(err)
	}
	size, most := info.Size(), int64(smallDisk)
	if left > nothing {
		most = size + int64(disk.Bavail)*disk.Bsize - left
	}
	for piece := most - size; piece >= disk.Bsize; piece = min(piece, most-size) {
		if err := unix.Fallocate(int(file.Fd()), 0, size, piece); err == nil {
			size += piece
		} else if errors.Is(err, syscall.ENOSPC) {
			piece /= 2
		} else {
			s.Fatal(err)
		}
	}
}

// conflict has two nodes be told at the same time to run a job, when there is room for one: one of them takes it in, and the other refuses.
// Then both change one job: either change may be the last, but it is the same for all instances.
func (s *story) conflict() {
	large := func(name string) *wanted {
		return &wanted{name: name, instances: 3, container: "    cpus: 2.5", more: "placement: {max_per_node: 1}"}
	}
	taken := s.both(large("this"), large("that"))
	if len(taken) != 1 {
		s.Errorf("there is room for one job of two, and %d were taken in", len(taken))
	}
	s.jobs = append(s.jobs, taken...)
	s.settled(s.nodes)
	for _, j := range taken {
		told := false
		if err := s.tell("delete "+j.name, func(ctx context.Context, node *client.Client) error {
			_, err := node.Delete(ctx, j.name, 0)
			if told && client.IsType(err, v1.NotFound) { // it was done, and the answer came too late
				return nil
			}
			told = true
			return err
		}); err != nil {
			s.Fatal(err)
		}
	}
	s.jobs = slices.DeleteFunc(s.jobs, func(j *wanted) bool { return slices.Contains(taken, j) })

	deaf := s.jobs[1]
	one, other := *deaf, *deaf
	one.version, other.version = deaf.version+1, deaf.version+2
	if taken := s.both(&one, &other); len(taken) != 2 {
		s.Errorf("of two changes of a job %d were taken in", len(taken))
	}
	s.witness.until("all instances are of one of the two versions", func(there []process) string {
		for _, version := range []int{one.version, other.version} {
			if deaf.version = version; s.runs(s.nodes)(there) == "" {
				return ""
			}
		}
		return s.runs(s.nodes)(there)
	})
}

// both has two nodes be told at the same time to apply one job each, and returns what was taken in.
func (s *story) both(jobs ...*wanted) (taken []*wanted) {
	s.Helper()
	nodes := s.Perm(len(s.nodes))
	said := make([]error, len(jobs))
	var told sync.WaitGroup
	for i, j := range jobs {
		file := filepath.Join(s.dir, j.name+strconv.Itoa(i)+".yaml")
		if err := os.WriteFile(file, j.file(s.id), 0o600); err != nil {
			s.Fatal(err)
		}
		n := s.nodes[nodes[i]]
		told.Go(func() {
			for ctx := s.patient(); ; {
				out, err := exec.CommandContext(ctx, filepath.Join(bin, "ozymandias"), "--run-dir", n.run(), "apply", "-f", file).CombinedOutput()
				if err == nil {
					said[i] = nil
					return
				}
				said[i] = fmt.Errorf("%w: %s", err, out)
				if bytes.Contains(out, []byte(" of cpu but only ")) || ctx.Err() != nil { // else etcd may have had no time for it
					return
				}
			}
		})
	}
	told.Wait()
	for i, j := range jobs {
		if said[i] == nil {
			taken = append(taken, j)
		} else {
			s.Logf("  %s is refused: %v", j.name, said[i])
		}
	}
	return taken
}

func (s *story) drain() {
	n := s.any()
	drain := func(draining bool) {
		if err := s.tell("drain "+n.name, func(ctx context.Context, node *client.Client) error {
			_, err := node.Drain(ctx, n.name, draining)
			return err
		}); err != nil {
			s.Fatal(err)
		}
	}
	drain(true)
	s.vacated(n, "each")
	drain(false)
}

// setClock sets a node's wall clock, and after a while back. That is not what anything is counted on, and certificates bear it.
func (s *story) setClock() {
	n := s.any()
	before := n.moment()
	for _, ahead := range []time.Duration{[]time.Duration{-50 * time.Minute, 50 * time.Minute, 100 * 24 * time.Hour}[s.IntN(3)], 0} {
		s.Logf("  the clock of %s is %v ahead", n.name, ahead)
		n.mu.Lock()
		err := clock.Set(n.process.Process.Pid, ahead)
		n.mu.Unlock()
		if err != nil {
			s.Fatal(err)
		}
		s.same(before)
	}
}
