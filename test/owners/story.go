package owners

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/member"
)

// Flags of the packages below.
var (
	faults = flag.Int("faults", 250, "how many things go wrong, in all swarms")
	swarms = flag.Int("swarms", 5, "how many swarms there are at a time")
	seed   = flag.Uint64("seed", rand.Uint64(), "of what goes wrong")
	lease  = flag.Duration("lease", 3*time.Second, "of the workers")
)

// patience is how long it may take until all is well again: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

// slow is how long it may take before the machine is held to be too slow for the leases.
const slow = 30 * time.Second

// Site is where a Swarm lives.
type Site interface {
	// Door is where a worker joins, over a wire.
	Door(*Wire) member.Door
	// Change makes the Swarm, or gives it another spec; until that is so it tries again.
	Change(context.Context, v1alpha1.SwarmSpec) error
	// Faults are those that the site has of its own.
	Faults() []Fault
	// Heal ends them all.
	Heal()
	// Converged tells whether the Swarm says that everybody runs what is wanted. If not it says what it says instead.
	Converged(context.Context) (ok bool, why string)
}

// Fault is something that goes wrong.
type Fault struct {
	Odds   int
	Happen func(*rand.Rand) (what string)
}

// Faults is how many things are to go wrong.
func Faults() int { return *faults }

// Lease is that of the workers.
func Lease() time.Duration { return *lease }

// Random is a test's source of what goes wrong; the seed is logged.
func Random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("-args -seed=%d -swarms=%d -faults=%d", *seed, *swarms, *faults)
	return rand.New(rand.NewPCG(*seed, 0))
}

// Stories has things go wrong in several Swarms at a time. Each is at a site of its own.
func Stories(t *testing.T, at func(t *testing.T, h *History, i int) Site) {
	pulse := StartPulse(t)
	t.Logf("-args -seed=%d -swarms=%d -faults=%d", *seed, *swarms, *faults)
	for i := range *swarms {
		t.Run(fmt.Sprintf("swarm=%d", i), func(t *testing.T) {
			t.Parallel()
			h := NewHistory(t, *lease, pulse)
			s := &story{t: t, rng: rand.New(rand.NewPCG(*seed, uint64(i+1))), history: h, site: at(t, h, i)}
			s.tell((*faults + i) / *swarms)
		})
	}
}

// story is what happens to one Swarm.
type story struct {
	t       *testing.T
	rng     *rand.Rand
	history *History
	site    Site
	spec    v1alpha1.SwarmSpec
	all     []*Worker
}

const (
	crewSize = 5
	mostWork = 12
)

// tell has n things go wrong, one after the other; then everything is healed, and must be well again.
func (s *story) tell(n int) {
	s.t.Cleanup(s.dismiss)
	s.spec.Handover = v1alpha1.HandoverPolicy{Lease: &metav1.Duration{Duration: *lease}, Patience: &metav1.Duration{Duration: time.Duration(s.rng.IntN(2)) * s.short(time.Second)}}
	s.spec.Workloads = s.draw()
	s.change()
	for i := range 3 {
		s.hire(fmt.Sprint("w", i))
	}
	s.well()
	s.history.Note("all is well")
	faults := append(s.site.Faults(), s.faults()...)
	for range n {
		f := s.pick(faults)
		s.history.Note("%s", f.Happen(s.rng))
		pause := s.short(*lease / 3)
		if s.rng.IntN(4) == 0 {
			pause = s.short(*lease * 3 / 2)
		}
		wait(s.t.Context(), pause)
		s.history.Check()
		if s.t.Failed() {
			return
		}
		s.mend()
	}
	s.heal()
	begun := time.Now()
	s.well()
	s.t.Logf("%d faults; all was owned again after %s (lease %s, patience %s). %s", n, time.Since(begun).Round(time.Millisecond), s.spec.Handover.Lease.Duration, s.spec.Handover.Patience.Duration, s.history.Summary())
}

// pick picks a fault by its odds.
func (s *story) pick(faults []Fault) Fault {
	sum := 0
	for _, f := range faults {
		sum += f.Odds
	}
	dice := s.rng.IntN(sum)
	for _, f := range faults {
		if dice -= f.Odds; dice < 0 {
			return f
		}
	}
	panic("odds")
}

// short is some time, up to d.
func (s *story) short(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d))) }

// mend ends some of what is wrong; now and then all of it.
func (s *story) mend() {
	if s.rng.IntN(6) == 0 {
		s.heal()
		return
	}
	if s.rng.IntN(3) == 0 {
		s.site.Heal()
	}
	for _, w := range s.present() {
		if s.rng.IntN(3) == 0 {
			w.Wire.Set(Up)
			w.Recover()
		}
	}
	if s.spec.Suspend && s.rng.IntN(2) == 0 {
		s.spec.Suspend = false
		s.change()
	}
}

// heal ends all that is wrong. Who was cut off is there again; who was killed is not.
func (s *story) heal() {
	s.site.Heal()
	for _, w := range s.all {
		w.Wire.Set(Up)
		w.Recover()
	}
	if s.spec.Suspend {
		s.spec.Suspend = false
		s.change()
	}
	for i := range 3 { // an exclusive workload needs a worker to itself
		if name := fmt.Sprint("w", i); !s.there(name) {
			s.hire(name)
		}
	}
	s.history.Note("all is healed")
}

// well waits until all workloads are owned. A machine that is too slow for workers to keep their leases is given longer ones.
func (s *story) well() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for begun := time.Now(); ; {
		owned, why, changed := s.history.Owned()
		if owned {
			var ok bool
			if ok, why = s.site.Converged(ctx); ok {
				return
			}
			changed = nil // it is the Swarm that says so late
		}
		if time.Since(begun) > slow {
			begun = time.Now()
			longer := 2 * s.spec.Handover.Lease.Duration
			s.t.Logf("leases are %s from now on, as all is healed, and not well after %s: %s", longer, slow, why)
			s.history.Lengthen(longer)
			s.spec.Handover.Lease = &metav1.Duration{Duration: longer}
			s.change()
		}
		select {
		case <-changed:
		case <-look.C:
		case <-ctx.Done():
			s.t.Fatalf("all is healed, and not well after %s: %s", patience, why)
		}
	}
}

// faults are those of workers and of what they are to run.
func (s *story) faults() []Fault {
	some := func(what string, do func(*Worker)) func(*rand.Rand) string {
		return func(*rand.Rand) string {
			if w := s.any(); w != nil {
				do(w)
				return w.Name + " " + what
			}
			return s.hireAny()
		}
	}
	return []Fault{
		{4, func(*rand.Rand) string { return s.hireAny() }},
		{2, some("leaves", func(w *Worker) { w.Leave() })},
		{2, some("is drained", func(w *Worker) { w.Drain() })},
		{4, some("is killed", func(w *Worker) { w.Kill() })},
		{3, some("is killed, and started again at once", func(w *Worker) { w.Kill(); s.hire(w.Name) })},
		{2, some("gets a second one of its name", func(w *Worker) { s.hire(w.Name) })},
		{3, some("hangs", func(w *Worker) { w.Hang() })},
		{3, some("is slow, and in a mood", func(w *Worker) { w.Burden(s.short(2**lease), s.rng.IntN(4)) })},
		{10, func(*rand.Rand) string { return s.partition() }},
		{5, func(*rand.Rand) string {
			s.spec.Workloads = s.draw()
			s.change()
			return fmt.Sprintf("workloads are %v %v", s.spec.Workloads.Names, s.spec.Workloads.List)
		}},
		{2, func(*rand.Rand) string {
			s.spec.Suspend = !s.spec.Suspend
			s.change()
			return fmt.Sprintf("suspend is %t", s.spec.Suspend)
		}},
	}
}

// partition has some workers be cut off, each in its own way.
func (s *story) partition() string {
	links := []Link{Cut, Cut, Deaf, Deaf, Hung, Hung, Late, Late, Moody, Stale}
	var what []string
	for _, w := range s.present() {
		if s.rng.IntN(3) == 0 {
			l := links[s.rng.IntN(len(links))]
			w.Wire.Set(l)
			what = append(what, w.Name+" is "+l.String())
		}
	}
	return "links: " + strings.Join(what, ", ")
}

// draw draws workloads.
func (s *story) draw() (w v1alpha1.WorkloadSources) {
	exclusive := s.rng.IntN(3) == 0
	for i := range mostWork {
		name := fmt.Sprintf("cam-%02d", i)
		switch s.rng.IntN(6) {
		case 0:
		case 1:
			item := v1alpha1.WorkloadItem{Name: name, WorkloadNeeds: v1alpha1.WorkloadNeeds{Weight: 1 + s.rng.Int64N(4), Exclusive: exclusive}}
			exclusive = false
			w.List = append(w.List, item)
		default:
			w.Names = append(w.Names, name)
		}
	}
	return w
}

// change gives the Swarm its spec.
func (s *story) change() {
	s.t.Helper()
	all := slices.Clone(s.spec.Workloads.Names)
	for _, w := range s.spec.Workloads.List {
		all = append(all, w.Name)
	}
	s.history.Want(all)
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	if err := s.site.Change(ctx, s.spec); err != nil {
		s.t.Fatal(err)
	}
}

// hire has a worker of that name join. There may be another: then it has to wait.
func (s *story) hire(name string) {
	wire := &Wire{}
	s.all = append(s.all, Hire(name, s.site.Door(wire), wire, s.history))
}

// hireAny has another worker join.
func (s *story) hireAny() string {
	name := fmt.Sprint("w", s.rng.IntN(crewSize))
	s.hire(name)
	return name + " is started"
}

// there tells whether a worker of that name is there, and stays.
func (s *story) there(name string) bool {
	return slices.ContainsFunc(s.all, func(w *Worker) bool { return w.Name == name && w.Stays() })
}

// present are the workers that have not ended.
func (s *story) present() []*Worker {
	return slices.DeleteFunc(slices.Clone(s.all), func(w *Worker) bool {
		select {
		case <-w.Ended():
			return true
		default:
			return false
		}
	})
}

// any is one of the workers that stay; nil: there is none.
func (s *story) any() *Worker {
	stay := slices.DeleteFunc(slices.Clone(s.all), func(w *Worker) bool { return !w.Stays() })
	if len(stay) == 0 {
		return nil
	}
	return stay[s.rng.IntN(len(stay))]
}

// dismiss ends all workers.
func (s *story) dismiss() {
	for _, w := range s.all {
		w.Kill()
	}
	for _, w := range s.all {
		<-w.Ended()
		w.Wire.Wait()
	}
}
