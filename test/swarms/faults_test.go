package swarms

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// Whatever happens between a manager and the API server, and however many managers there are: no workload runs twice, and once all is
// well again each is owned.
func TestChurn(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults func(*chaos.Chance) []chaos.Fault // one for each manager
	}{
		{"answers are lost", func(c *chaos.Chance) []chaos.Fault { return []chaos.Fault{loses(c)} }},
		{"two lead", func(c *chaos.Chance) []chaos.Fault { return []chaos.Fault{pauses(c), pauses(c)} }},
		{"two lead, and answers are lost", func(c *chaos.Chance) []chaos.Fault {
			return []chaos.Fault{pauses(c).And(loses(c)), pauses(c).And(loses(c))}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, rng := newSite(t), chaos.Random(t)
			for _, f := range c.faults(chaos.NewChance(rng)) {
				s.manage(f)
			}
			s.churn(rng, 40, func(int) {})
		})
	}
}

// A manager whose caches stand still decides by what is there all the same; once they go on it sees to what it has missed.
func TestStaleCaches(t *testing.T) {
	t.Parallel()
	s, rng := newSite(t), chaos.Random(t)
	l := newLens()
	s.manage(l.Fault)
	s.manage(pauses(chaos.NewChance(rng)))
	s.churn(rng, 40, func(round int) {
		switch round % 10 {
		case 3:
			l.Freeze()
		case 8:
			l.Thaw()
		}
	})
}

// churn has workers come and go, and workloads, for so many rounds; and then waits for all to be well.
func (s *site) churn(rng *rand.Rand, rounds int, before func(round int)) {
	s.t.Helper()
	all := names(12)
	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: all}, ConfigMap: "parts"})
	there := map[string]*worker{}
	start := func(name string) {
		there[name] = s.startWith(&worker{swarm: "streams", name: name, slow: time.Duration(rng.IntN(30)) * time.Millisecond, labels: map[string]string{"worker": name}})
	}
	start("w0")
	for round := range rounds {
		before(round)
		name := fmt.Sprintf("w%d", rng.IntN(4))
		switch w := there[name]; {
		case rng.IntN(4) == 0:
			n := 6 + rng.IntN(6)
			all = names(12)[12-n:]
			s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads = v1alpha1.WorkloadSources{Names: all} })
		case rng.IntN(3) == 0: // so that managers that have read something else decide something else
			s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads = only(all, "worker", name) })
		case w == nil:
			start(name)
		case rng.IntN(3) == 0: // back at once, as another
			w.kill()
			start(name)
		default:
			w.kill()
			delete(there, name)
		}
		chaos.Pause(s.t.Context(), time.Duration(rng.IntN(400))*time.Millisecond)
	}
	if len(there) == 0 {
		start("w0")
	}
	s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads = v1alpha1.WorkloadSources{Names: all} })
	s.converged("streams", all, len(there))
	s.t.Logf("%d starts of workloads", s.owners.started())
}

// only are workloads that require a label.
func only(names []string, label, value string) (w v1alpha1.WorkloadSources) {
	for _, name := range names {
		w.List = append(w.List, v1alpha1.WorkloadItem{Name: name, WorkloadNeeds: v1alpha1.WorkloadNeeds{Requires: map[string]string{label: value}}})
	}
	return w
}

// A manager stops before it writes what it has decided, or before it writes what it has announced already. Meanwhile another one gives
// the workloads to somebody else, without touching the worker that the first one meant. What that writes then is refused.
func TestOvertaken(t *testing.T) {
	for _, c := range []struct {
		name  string
		holds func(*http.Request) bool
	}{{"before it announces", announces}, {"before it writes", writesParts}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			slow := chaos.NewGate(c.holds)
			s.manage(slow.Fault)
			s.create("streams", v1alpha1.SwarmSpec{})
			for _, name := range []string{"a", "b"} {
				s.startWith(&worker{swarm: "streams", name: name, labels: map[string]string{"worker": name}})
			}
			s.until("both know that they have nothing", func() bool {
				o := s.swarms["streams"]
				return o != nil && o.Status.Phase() == v1alpha1.SwarmConverged && o.Status.Current == "2/2"
			})
			slow.Close()
			s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads = only(names(4), "worker", "a") })
			receive(t, slow.Waiting())
			s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads = only(names(4), "worker", "b") })
			s.manage(nil)
			s.owns("b", names(4))
			slow.Open()
			s.change("streams", func(spec *v1alpha1.SwarmSpec) {
				spec.Workloads.Names, spec.Workloads.List = names(5)[4:], only(names(4), "worker", "b").List
			})
			s.until("one more has its owner", func() bool {
				return s.swarms["streams"].Status.Workloads == 5 && s.swarms["streams"].Status.Phase() == v1alpha1.SwarmConverged
			})
			s.owns("b", names(4))
		})
	}
}

// owns waits until a worker runs these workloads.
func (s *site) owns(worker string, workloads []string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%s owns %v", worker, workloads), func() bool {
		a := s.assignments["streams."+worker]
		return a != nil && slices.Equal(held(a), workloads) && a.Status.Version == a.Spec.Version
	})
}

func receive[T any](t *testing.T, c <-chan T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("it never happens")
	}
}
