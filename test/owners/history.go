package owners

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Owner is who runs a workload.
type Owner struct {
	Worker, Incarnation string
	Epoch               int64
}

func (o Owner) String() string {
	return fmt.Sprintf("%s (%.8s) with epoch %d", o.Worker, o.Incarnation, o.Epoch)
}

// holding is that somebody runs a workload.
type holding struct {
	Owner
	wire *Wire // by which they renew their lease
}

// History is what workers believe they own, in the order in which it happened. It fails its test the moment that a promise is broken.
type History struct {
	t     testing.TB
	lease time.Duration
	pulse *Pulse
	begun time.Time

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, when something begins or ends
	now     map[string]holding
	last    map[string]Owner // the latest owner
	wanted  map[string]bool
	without map[string]time.Time // since when a workload that is wanted has no owner
	gaps    []time.Duration      // how long workloads had none, in all
	events  []event
	starts  int
	excused int // times that the machine had no time
	broken  int
}

type event struct {
	at       time.Duration
	workload string // "": something that concerns all
	what     string
}

// NewHistory is that of one Swarm, whose workers have that lease.
func NewHistory(t testing.TB, lease time.Duration, pulse *Pulse) *History {
	return &History{t: t, lease: lease, pulse: pulse, begun: time.Now(), changed: make(chan struct{}), now: map[string]holding{}, last: map[string]Owner{},
		wanted: map[string]bool{}, without: map[string]time.Time{}}
}

// Note takes down something that concerns all workloads.
func (h *History) Note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note("", format, args...)
}

// Lengthen says that leases may be longer from now on.
func (h *History) Lengthen(lease time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lease = lease
	h.note("", "leases are %s", lease)
}

func (h *History) note(workload, format string, args ...any) {
	h.events = append(h.events, event{time.Since(h.begun), workload, fmt.Sprintf(format, args...)})
}

// Want says which workloads there are to be from now on.
func (h *History) Want(names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
		if _, owned := h.now[name]; !owned && !h.wanted[name] {
			h.without[name] = time.Now()
		}
	}
	h.wanted = wanted
	maps.DeleteFunc(h.without, func(name string, _ time.Time) bool { return !wanted[name] })
}

// Start takes down that somebody begins to run a workload, who renews their lease over a wire.
func (h *History) Start(workload string, by Owner, wire *Wire) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starts++
	h.note(workload, "%s begins", by)
	if other, owned := h.now[workload]; owned {
		h.late(workload, other, "%s begins to run %s, and %s runs it", by, workload, other)
	}
	if last := h.last[workload]; by.Epoch < last.Epoch || by.Epoch == last.Epoch && by.Incarnation != last.Incarnation {
		h.breach(workload, "%s runs %s, after %s: epochs must grow", by, workload, last)
	}
	h.now[workload], h.last[workload] = holding{by, wire}, by
	if since, ok := h.without[workload]; ok {
		h.gaps = append(h.gaps, time.Since(since))
		delete(h.without, workload)
	}
	h.wake()
}

// Stop takes down that somebody runs a workload no longer.
func (h *History) Stop(workload string, by Owner) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.note(workload, "%s has ended", by)
	held := h.now[workload]
	if held.Owner != by {
		return // it was taken down as a breach when the other began
	}
	h.inTime(workload, held)
	delete(h.now, workload)
	if h.wanted[workload] {
		h.without[workload] = time.Now()
	}
	h.wake()
}

// Check checks that nobody runs anything once their lease is over.
func (h *History) Check() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for workload, held := range h.now {
		h.inTime(workload, held)
	}
}

func (h *History) inTime(workload string, held holding) {
	if over := time.Since(held.wire.Renewed()) - h.lease; over > 0 {
		h.late(workload, held, "%s runs %s, and its lease has been over for %s", held, workload, over)
	}
}

// late takes down that somebody should have ended a workload by now. A worker begins to do so by force when its lease is over but for a
// fifth: from then on the machine may have left it no time.
func (h *History) late(workload string, held holding, format string, args ...any) {
	if h.pulse.Excuses(held.wire.Renewed().Add(h.lease*4/5), time.Now(), h.lease) {
		h.excused++
		h.note(workload, "%s: the machine had no time, so that is nobody's fault", fmt.Sprintf(format, args...))
		return
	}
	h.breach(workload, format, args...)
}

func (h *History) breach(workload, format string, args ...any) {
	what := fmt.Sprintf(format, args...)
	h.note(workload, "BREACH: %s", what)
	if h.broken++; h.broken <= 3 { // one leads to more
		h.t.Errorf("%s\n%s", what, h.of(workload))
	}
}

func (h *History) wake() {
	close(h.changed)
	h.changed = make(chan struct{})
}

// of is what happened to a workload, and to all, of late. The caller holds the lock.
func (h *History) of(workload string) string {
	const most = 80
	var out []string
	for i := len(h.events) - 1; i >= 0 && len(out) < most; i-- {
		if e := h.events[i]; e.workload == "" || e.workload == workload {
			out = append(out, fmt.Sprintf("%9.3fs %s", e.at.Seconds(), e.what))
		}
	}
	slices.Reverse(out)
	return "what happened to " + workload + ":\n" + strings.Join(out, "\n")
}

// Owned tells whether all workloads that are wanted, and no others, are owned; if not it says what is missing, or too much. Changed is
// closed when that may have changed.
func (h *History) Owned() (ok bool, why string, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(h.wanted)) {
		if _, owned := h.now[name]; !owned {
			return false, "nobody runs " + name + "; " + h.of(name), h.changed
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.now)) {
		if !h.wanted[name] {
			return false, h.now[name].String() + " runs " + name + ", which is not wanted; " + h.of(name), h.changed
		}
	}
	return true, "", h.changed
}

// Summary says how much has happened.
func (h *History) Summary() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	gaps := slices.Sorted(slices.Values(h.gaps))
	at := func(part float64) time.Duration {
		if len(gaps) == 0 {
			return 0
		}
		return gaps[int(part*float64(len(gaps)-1))].Round(time.Millisecond)
	}
	return fmt.Sprintf("%d times a workload was begun; without an owner for %s (median), %s (9 of 10), %s (longest); %d times the machine had no time",
		h.starts, at(0.5), at(0.9), at(1), h.excused)
}
