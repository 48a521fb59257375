package ozymandias

import (
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

	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/netnstest"
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
	{"a node is killed, its watchdog is not", (*story).kill},
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
}

func TestFaults(t *testing.T) {
	c := newCluster(t)
	s := &story{c, rand.New(rand.NewPCG(*seed, 0))}
	t.Logf("-args -seed=%d -faults=%d", *seed, *more)
	for _, j := range newJobs() {
		s.jobs = append(s.jobs, j)
		if err := s.apply(j); err != nil {
			t.Fatal(err)
		}
	}
	s.settled(s.nodes)
	order := s.Perm(len(faults))
	for range *more {
		order = append(order, s.IntN(len(faults)))
	}
	began := time.Now()
	for _, i := range order {
		s.step(faults[i].name, func() { faults[i].wrong(s) })
	}
	t.Logf("%d faults in %s", len(order), time.Since(began).Round(time.Second))
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

// vacated waits until what ran on a node runs elsewhere.
func (s *story) vacated(n *node) {
	s.Helper()
	began := time.Now()
	s.witness.until("nothing runs on "+n.name, func(there []process) string {
		for _, p := range there {
			if p.Node == n.name && p.Job != "kept" {
				return p.String() + " does"
			}
		}
		return ""
	})
	stopped := time.Since(began)
	s.witness.until("all runs elsewhere", s.runs(s.others(n)))
	s.Logf("  what ran on %s has ended after %s, and runs elsewhere after %s", n.name, stopped.Round(time.Second/10), time.Since(began).Round(time.Second/10))
	s.settled(s.others(n))
}

// same looks that instances go on in the processes in which they were, unless they have been moved or deployed anew; and that their node
// does what it is told.
func (s *story) same(before []process) {
	s.Helper()
	each := s.jobs[2] // which is on that node as well
	each.version++
	if err := s.apply(each); err != nil {
		s.Fatal(err)
	}
	s.settled(s.nodes)
	for _, now := range s.witness.now() {
		for _, p := range before {
			if p.instance() == now.instance() && p.Epoch == now.Epoch && p.pid != now.pid {
				s.Errorf("%s was ended, and started again as %s", p, now)
			}
		}
	}
}

func (s *story) restart() {
	n, signal := s.any(), []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM}[s.IntN(2)]
	before, log := s.witness.on(n.name), n.logged()
	began := time.Now()
	n.stop(signal)
	n.start()
	n.await()
	adopted, joined := false, false
	s.until("it is known whether the lease still lived", func() error {
		said := n.logged()[len(log):]
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

func (s *story) kill() {
	n := s.any()
	n.stop(syscall.SIGKILL)
	s.vacated(n)
	n.start()
	n.await()
}

func (s *story) freeze() {
	n := s.any()
	n.send(syscall.SIGSTOP)
	s.vacated(n)
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
	s.signal(syscall.SIGKILL, watchdog...)
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
	before, old := s.witness.on(n.name), n.watchdogs()
	s.signal(syscall.SIGKILL, old...)
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
	before := s.witness.on(n.name)
	old := n.beside("unix://" + n.podman().Socket())
	if len(old) == 0 {
		s.Errorf("%s has no podman", n.name)
	}
	s.signal(syscall.SIGKILL, old...)
	s.same(before)
}

func (s *story) killInstance() {
	there := s.witness.now()
	p := there[s.IntN(len(there))]
	s.signal(syscall.SIGKILL, p.pid)
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

// signal sends one to processes, of which each may have ended.
func (s *story) signal(signal syscall.Signal, pids ...int) {
	s.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			s.Errorf("send %s to process %d: %v", signal, pid, err)
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
	s.vacated(n)
	s.lose(n, netnstest.Nothing)
	n.await()
}

func (s *story) lose(n *node, cut netnstest.Cut) {
	s.Helper()
	if err := n.machine.Lose(cut); err != nil {
		s.Fatal(err)
	}
}

// fillDisk leaves a node no disk, and ends all that runs there: it starts again, there or elsewhere.
func (s *story) fillDisk() {
	n := s.nodes[len(s.nodes)-1] // which has one of its own
	full := filepath.Join(n.dir, "full")
	file, err := os.Create(full)
	if err != nil {
		s.Fatal(err)
	}
	for size, piece := int64(0), int64(64<<20); piece >= 4096; {
		if err := unix.Fallocate(int(file.Fd()), 0, size, piece); err == nil {
			size += piece
		} else if errors.Is(err, syscall.ENOSPC) {
			piece /= 2
		} else {
			s.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		s.Fatal(err)
	}
	there := s.witness.on(n.name)
	for _, p := range there {
		s.signal(syscall.SIGKILL, p.pid)
	}
	s.ended(there...)
	took := s.witness.until("all runs, though a disk is full", func(there []process) string {
		own := slices.DeleteFunc(slices.Clone(there), func(p process) bool { return p.Job == "each" && p.Node == n.name })
		for i := range own { // wherever they are
			own[i].Node = s.nodes[0].name
		}
		return s.without("each").runs(s.nodes)(slices.DeleteFunc(own, func(p process) bool { return p.Job == "each" }))
	})
	s.Logf("  all runs with a full disk after %s; on %s: %s", took.Round(time.Second/10), n.name, s.witness.on(n.name))
	if err := os.Remove(full); err != nil {
		s.Fatal(err)
	}
}

// without is the cluster as if a job was not wanted.
func (c *cluster) without(name string) *cluster {
	return &cluster{witness: c.witness, jobs: slices.DeleteFunc(slices.Clone(c.jobs), func(j *wanted) bool { return j.name == name })}
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
		if err := s.tell("delete "+j.name, func(ctx context.Context, node *client.Client) error {
			_, err := node.Delete(ctx, j.name, 0)
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
			out, err := exec.Command(filepath.Join(bin, "ozymandias"), "--run-dir", n.run(), "apply", "-f", file).CombinedOutput()
			if err != nil {
				said[i] = fmt.Errorf("%w: %s", err, out)
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
	s.witness.until(n.name+" is drained", func(there []process) string {
		for _, p := range there {
			if p.Node == n.name && p.Job != "each" {
				return p.String() + " is still there"
			}
		}
		return ""
	})
	s.witness.until("all runs elsewhere", func(there []process) string {
		return s.without("each").runs(s.others(n))(slices.DeleteFunc(there, func(p process) bool { return p.Job == "each" }))
	})
	drain(false)
}
