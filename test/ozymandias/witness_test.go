package ozymandias

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"teamtask.dev/ozymandias/lease"
)

// mark is the environment variable by which a test knows its own instances.
const mark = "OZYMANDIAS_FAULTS"

// glance is how often the witness looks.
const glance = 20 * time.Millisecond

// stall is how long the machine may not run this test at a stretch, before it is taken not to run others in time either: what is between
// the time at which the watchdog kills, and the end of a lease, is 700 ms.
const stall = 400 * time.Millisecond

// A process of an instance, as the kernel shows it.
type process struct {
	pid     int
	started string // by proc_pid_stat(5): a pid may come again
	Job, ID string
	Epoch   int64
	Node    string
	Version string
	seen    time.Time // first
}

func (p process) String() string {
	return fmt.Sprintf("%s-%s (epoch %d, version %s, on %s, process %d)", p.Job, p.ID, p.Epoch, p.Version, p.Node, p.pid)
}

func (p process) instance() string { return p.Job + "-" + p.ID }

// A witness sees the processes of a test's instances come and go.
type witness struct {
	t    *testing.T
	mark []byte

	mu         sync.Mutex
	alive      map[int]process
	others     map[int]time.Time // processes of no interest, and since when they are known
	last       map[string]process
	told       map[[2]string]bool
	looked     time.Time            // last
	stalled    time.Time            // when the machine did not run this test in time, last
	stalls     int                  // how often
	twofold    map[string]bool      // jobs of which there may be two
	unheld     map[string]time.Time // nodes that nobody stops any more, and since when
	namespaces map[string]bool      // where those of the network are mounted in which instances have run
	changed    chan struct{}
}

// watch has a witness look until the test ends, at the instances with that mark. Of jobs that are twofold there may be two on two nodes.
func watch(t *testing.T, id string, twofold ...string) *witness {
	w := &witness{t: t, mark: []byte("\x00" + mark + "=" + id + "\x00"), alive: map[int]process{}, others: map[int]time.Time{},
		last: map[string]process{}, told: map[[2]string]bool{}, twofold: map[string]bool{}, unheld: map[string]time.Time{}, namespaces: map[string]bool{},
		changed: make(chan struct{})}
	for _, job := range twofold {
		w.twofold[job] = true
	}
	if err := w.look(); err != nil {
		t.Fatal(err)
	}
	for pid := range w.others { // of before there were any nodes
		w.others[pid] = time.Time{}
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(glance)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := w.look(); err != nil {
				t.Errorf("the witness does not see: %v", err)
				return
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		t.Logf("the machine had no time for the witness %d times", w.stalls)
	})
	return w
}

// look takes in who is there.
func (w *witness) look() error {
	proc, err := os.Open("/proc")
	if err != nil {
		return err
	}
	defer proc.Close()
	names, err := proc.Readdirnames(0)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	if !w.looked.IsZero() && now.Sub(w.looked) > stall {
		w.stalled = now
		w.stalls++
	}
	w.looked = now
	there := make(map[int]bool, len(names))
	var fresh []process
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		there[pid] = true
		if known, ok := w.alive[pid]; ok {
			if started, runs := stat(pid); runs && started == known.started {
				continue
			}
			w.gone(pid)
		}
		// What becomes an instance is another program at first: it is looked at again for a while.
		if since, known := w.others[pid]; known && now.Sub(since) > 30*time.Second {
			continue
		} else if !known {
			w.others[pid] = now
		}
		if p, ours := w.read(pid); ours {
			delete(w.others, pid)
			fresh = append(fresh, p)
		}
	}
	for pid := range w.alive {
		if !there[pid] {
			w.gone(pid)
		}
	}
	for pid := range w.others {
		if !there[pid] {
			delete(w.others, pid)
		}
	}
	for _, p := range fresh {
		w.come(p)
	}
	return nil
}

// read tells whether a process is one of this test's instances.
func (w *witness) read(pid int) (p process, ours bool) {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || !bytes.Contains(append([]byte{0}, environment...), w.mark) {
		return p, false
	}
	p = process{pid: pid, seen: time.Now()}
	var runs bool
	if p.started, runs = stat(pid); !runs {
		return p, false
	}
	for _, variable := range strings.Split(string(environment), "\x00") {
		name, value, _ := strings.Cut(variable, "=")
		switch name {
		case "OZYMANDIAS_JOB":
			p.Job = value
		case "OZYMANDIAS_INSTANCE":
			p.ID = value
		case "OZYMANDIAS_NODE":
			p.Node = value
		case "OZYMANDIAS_EPOCH":
			p.Epoch, _ = strconv.ParseInt(value, 10, 64)
		case "VERSION":
			p.Version = value
		}
	}
	if namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)); err == nil {
		// Where it is mounted has a name of its own; its number is given to others later.
		for _, m := range mounts() {
			if m.root == namespace {
				w.namespaces[m.point] = true
			}
		}
	}
	return p, true
}

// stat tells when a process was started, and whether it has not ended.
func stat(pid int) (started string, runs bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // proc_pid_stat(5): from the third on
	return fields[19], fields[0] != "Z" && fields[0] != "X"
}

// gone takes in that a process has ended.
func (w *witness) gone(pid int) {
	delete(w.alive, pid)
	w.note()
}

// come takes in that a process has begun. Each that is still there after it was seen was there together with it.
func (w *witness) come(p process) {
	for pid, other := range w.alive {
		if other.instance() != p.instance() {
			continue
		}
		if started, runs := stat(pid); runs && started == other.started {
			w.both(other, p)
		}
	}
	if last, ok := w.last[p.instance()]; ok && (p.Epoch < last.Epoch || p.Epoch == last.Epoch && p.Node != last.Node) {
		w.t.Errorf("%s begins after %s has", p, last)
	}
	w.last[p.instance()], w.alive[p.pid] = p, p
	w.note()
}

// both takes in that there are two of one instance.
func (w *witness) both(first, second process) {
	pair := [2]string{first.String(), second.String()}
	since, unheld := w.unheld[first.Node]
	switch {
	case w.told[pair]:
	case w.twofold[first.Job] && first.Node != second.Node, unheld && first.seen.Before(since):
		w.t.Logf("two at once, as is to be: %s, %s", first, second)
	case second.seen.Sub(w.stalled) < lease.DefaultTTL:
		w.t.Logf("two at once, when the machine had no time: %s, %s", first, second)
	default:
		w.t.Errorf("two at once: %s, %s", first, second)
	}
	w.told[pair] = true
}

func (w *witness) note() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// now are the processes that there are.
func (w *witness) now() []process {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.SortedFunc(maps.Values(w.alive), func(a, b process) int { return strings.Compare(a.String(), b.String()) })
}

// on are those on a node.
func (w *witness) on(node string) (there []process) {
	for _, p := range w.now() {
		if p.Node == node {
			there = append(there, p)
		}
	}
	return there
}

// release says that nobody is left who would stop what runs on a node.
func (w *witness) release(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unheld[node] = time.Now()
}

// hold ends what release began.
func (w *witness) hold(node string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.unheld, node)
}

// until waits until amiss, which is told who is there, finds nothing amiss any more.
func (w *witness) until(what string, amiss func([]process) string) time.Duration {
	w.t.Helper()
	began := time.Now()
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		wrong := amiss(w.now())
		if wrong == "" {
			took := time.Since(began)
			if took > time.Second {
				w.t.Logf("    after %s %s", took.Round(time.Second/10), what)
			}
			return took
		}
		again := time.NewTimer(200 * time.Millisecond)
		select {
		case <-changed:
		case <-again.C:
		}
		again.Stop()
		if time.Since(began) > patience {
			w.t.Fatalf("waiting until %s: %s", what, wrong)
		}
	}
}

// free tells whether nobody is left who would stop what runs on a node.
func (w *witness) free(node string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.unheld[node].IsZero()
}
