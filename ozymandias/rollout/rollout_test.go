package rollout

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/job"
)

// parse reads "1 1h 2 2h 2s - !": what each instance runs, whether it is healthy (h) or settled (s), or not there (-), as there is no
// place for it (!), or none at the target (=).
func parse(text string, extra int) Situation {
	s := Situation{Instances: map[string]Instance{}, NoPlace: map[string]bool{}, Kept: map[string]bool{}}
	fields := strings.Fields(text)
	for at, f := range fields {
		id := fmt.Sprint(at)
		if at < len(fields)-extra {
			s.Wanted = append(s.Wanted, id)
		} else {
			s.Extra = append(s.Extra, id)
		}
		if f, s.Kept[id] = strings.CutSuffix(f, "="); f == "" {
			continue
		}
		switch f {
		case "-":
		case "!":
			s.NoPlace[id] = true
		default:
			s.Instances[id] = Instance{Revision: int64(f[0] - '0'), Healthy: len(f) > 1, Settled: strings.HasSuffix(f, "s")}
		}
	}
	return s
}

func (s Step) text(in Situation) string {
	var out []string
	for _, id := range slices.Concat(in.Wanted, in.Extra) {
		if revision := s.Run[id]; revision != 0 {
			out = append(out, fmt.Sprint(revision))
		} else {
			out = append(out, "-")
		}
	}
	return strings.Join(out, " ")
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		name               string
		surge, unavailable int
		target, known      int64
		halted             bool
		is, becomes        string
		done               bool
	}{
		{"the first deploy starts all at once", 1, 0, 1, 0, false, "- - - -", "1 1 1 -", false},
		{"and is done when all are up", 1, 0, 1, 0, false, "1s 1s 1s -", "1 1 1 -", true},
		{"healthy is not enough", 1, 0, 1, 0, false, "1s 1h 1s -", "1 1 1 -", false},
		{"nothing wanted is never done", 1, 0, 1, 0, false, "-", "-", false},

		{"start first: one more at the new revision", 1, 0, 2, 1, false, "1s 1s 1s -", "1 1 1 2", false},
		{"and nothing before it is up", 1, 0, 2, 1, false, "1s 1s 1s 2h", "1 1 1 2", false},
		{"then one is replaced", 1, 0, 2, 1, false, "1s 1s 1s 2s", "2 1 1 2", false},
		{"then the next", 1, 0, 2, 1, false, "2s 1s 1s 2s", "2 2 1 2", false},
		{"the last one, too, has a substitute", 1, 0, 2, 1, false, "2s 2s 2h 2s", "2 2 2 2", false},
		{"which goes at the end", 1, 0, 2, 1, false, "2s 2s 2s 2s", "2 2 2 -", true},
		{"more at a time", 2, 1, 2, 1, false, "1s 1s 1s - -", "2 1 1 2 2", false},

		{"stop first: one at a time", 0, 1, 2, 1, false, "1s 1s 1s", "2 1 1", false},
		{"until it is up", 0, 1, 2, 1, false, "2h 1s 1s", "2 1 1", false},
		{"then the next one", 0, 1, 2, 1, false, "2s 1s 1s", "2 2 1", false},
		{"two at a time", 0, 2, 2, 1, false, "1s 1s 1s", "2 2 1", false},
		{"without any bound there is a way all the same", 0, 0, 2, 1, false, "1s 1s", "2 1", false},

		{"what is not up goes first", 0, 1, 2, 1, false, "1s 1 1s", "1 2 1", false},
		{"but not two", 0, 1, 2, 1, false, "1s 1 1", "1 2 1", false},
		{"what comes up does not matter as long as something is on its way", 0, 1, 2, 1, false, "2 1 1s", "2 1 1", false},
		{"a job that is missing an instance loses no other", 0, 1, 2, 1, false, "- 1s 1s", "2 1 1", false},
		{"of what is missing only one starts at what may not come up", 0, 1, 2, 1, false, "- - 1s", "2 1 1", false},
		{"and none while another is on its way there", 0, 1, 2, 1, false, "2h - 1s", "2 1 1", false},
		{"but all do once something has come up there", 0, 1, 2, 1, false, "2s - 1s", "2 2 1", false},

		{"what has no place is not waited for", 0, 1, 2, 1, false, "! 1s 1s", "1 2 1", false},
		{"however many they are", 0, 1, 2, 1, false, "! ! 1s", "1 1 2", false},
		{"and starts at what has come up, once there is a place", 0, 1, 2, 1, false, "! 2s 1s", "2 2 2", false},
		{"or else, with as many on their way as there may be, at what is known", 0, 2, 2, 1, false, "! 1s 1s 1s", "1 2 2 1", false},
		{"it starts at the new revision if nothing else is to be done", 0, 1, 2, 1, false, "! 2s 2s", "2 2 2", false},
		{"but without it no deploy is done", 1, 0, 2, 1, false, "! 2s 2s 2s", "2 2 2 2", false},
		{"start first: one more takes its turn", 1, 0, 2, 1, false, "! 1s 1s -", "1 1 1 2", false},
		{"one more is not one less: it is counted without what has no place", 1, 0, 2, 1, false, "! 1s 1s 2s", "2 2 1 2", false},
		{"no place for one more: none may be missing", 1, 0, 2, 1, false, "1s 1s !", "1 1 2", false},
		{"no place for one more: what is not up can go without", 1, 0, 2, 1, false, "1s 1 !", "1 2 -", false},
		{"no place for one more: one may be missing", 1, 1, 2, 1, false, "1s 1s !", "2 1 2", false},
		{"no place at the target: it keeps what it runs, and the next is replaced", 0, 1, 2, 1, false, "1s= 1s 1s", "1 2 1", false},
		{"no place at the target: what is missing starts at what is known, as one of those that are not up", 0, 1, 2, 1, false, "= 1s 1s", "1 1 1", false},
		{"no place at the target: not even once something has come up there", 0, 1, 2, 1, false, "= 2s 1s=", "1 2 1", false},
		{"no place at the target: what is missing goes there if nothing is known", 0, 1, 2, 0, false, "= 2s", "2 2", false},
		{"back: what does not come up is replaced at once", 1, 0, 1, 1, false, "2 2 1s 2", "1 1 1 1", false},
		{"back: what is up is taken with care", 0, 1, 1, 1, false, "2s 2s 1s", "1 2 1", false},
		{"halted: nothing is changed", 1, 0, 2, 1, true, "2 1 1s 2", "2 1 1 2", false},
		{"halted: not even what could be", 0, 1, 2, 1, true, "2s 1s 1s", "2 1 1", false},
		{"halted: what is missing starts at what is known", 1, 0, 2, 1, true, "- 1 2 -", "1 1 2 -", false},
		{"a third revision in the middle", 1, 0, 3, 1, false, "2s 2 1s 2", "2 3 1 2", false},
		{"scaled in in the middle: what is beyond serves as the substitute", 1, 0, 2, 1, false, "1s 1s", "2 1", false},
		{"and goes at the end, whatever it runs", 1, 0, 2, 1, false, "2s 1s", "2 -", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := parse(c.is, c.surge)
			s.Target, s.Known, s.Halted = c.target, c.known, c.halted
			s.Update = job.Update{MaxSurge: c.surge, MaxUnavailable: c.unavailable}
			got := Next(s)
			if got.text(s) != c.becomes || got.Done != c.done {
				t.Errorf("%s becomes %s (done: %v), and not %s", c.is, got.text(s), got.Done, c.becomes)
			}
		})
	}
}

// Instances come up or do not, fail and are lost, and targets change in the middle. For some there is no place. Law: what is up is never
// taken below what is wanted, and has a place, less max_unavailable; a step is made once; and when all is well the deploy ends. Without a
// place for some it waits for one only with everything else at the target, or where none may be missing for lack of one more.
func TestDeploysEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(t, "wanted")
		s := Situation{Target: 1, Instances: map[string]Instance{}, NoPlace: map[string]bool{}}
		s.Update.MaxSurge = rapid.IntRange(0, 2).Draw(t, "surge")
		s.Update.MaxUnavailable = rapid.IntRange(0, 2).Draw(t, "unavailable")
		for id := range n + s.Update.MaxSurge {
			if id < n {
				s.Wanted = append(s.Wanted, fmt.Sprint(id))
			} else {
				s.Extra = append(s.Extra, fmt.Sprint(id))
			}
		}
		unavailable := s.Update.MaxUnavailable
		if s.Update.MaxSurge == 0 {
			unavailable = max(1, unavailable)
		}
		placed := func(ids []string) (number int) {
			for _, id := range ids {
				if !s.NoPlace[id] {
					number++
				}
			}
			return number
		}
		up := func() (count int) {
			for _, in := range s.Instances {
				if in.Healthy && (in.Revision != s.Target || in.Settled) {
					count++
				}
			}
			return count
		}
		short := func() bool { return unavailable == 0 && placed(s.Extra) == 0 }
		step := func() (changed bool) {
			next := Next(s)
			before := up()
			for _, id := range slices.Sorted(maps.Keys(s.Instances)) {
				if next.Run[id] == 0 {
					if !next.Done && slices.Contains(s.Wanted, id) {
						t.Fatalf("%s goes: %+v", id, s)
					}
					delete(s.Instances, id)
					changed = true
				}
			}
			for id, revision := range next.Run {
				if s.Instances[id].Revision != revision && !s.NoPlace[id] {
					s.Instances[id] = Instance{Revision: revision}
					changed = true
				}
			}
			least := placed(s.Wanted) - unavailable
			if after := up(); after < before && after < least {
				t.Fatalf("%d are up, and %d were; at least %d are to be: %+v", after, before, least, s)
			}
			beyond := func(id string, _ int64) bool { return s.NoPlace[id] && slices.Contains(s.Extra, id) } // nothing comes of that
			again := Next(s)
			maps.DeleteFunc(again.Run, beyond)
			if maps.DeleteFunc(next.Run, beyond); !maps.Equal(again.Run, next.Run) {
				t.Fatalf("%v, and then %v: %+v", next.Run, again.Run, s)
			}
			return changed
		}
		some := func(t *rapid.T) string {
			return rapid.SampledFrom(slices.Concat(s.Wanted, s.Extra)).Draw(t, "id")
		}
		t.Repeat(map[string]func(*rapid.T){
			"step": func(*rapid.T) { step() },
			"up": func(t *rapid.T) {
				if id := some(t); s.Instances[id].Revision != 0 {
					s.Instances[id] = Instance{s.Instances[id].Revision, true, true}
				}
			},
			"down": func(t *rapid.T) {
				if id := some(t); s.Instances[id].Revision != 0 {
					s.Instances[id] = Instance{Revision: s.Instances[id].Revision}
				}
			},
			"lose": func(t *rapid.T) { delete(s.Instances, some(t)) },
			"no place": func(t *rapid.T) {
				id := some(t)
				delete(s.Instances, id)
				s.NoPlace[id] = true
			},
			"a place": func(t *rapid.T) { delete(s.NoPlace, some(t)) },
			"revise": func(t *rapid.T) {
				if s.Target < 4 {
					if Next(s).Done {
						s.Known = s.Target
					}
					s.Target++
				}
			},
			"back": func(t *rapid.T) {
				if s.Known != 0 {
					s.Target = s.Known
				}
			},
		})
		for range 50 {
			changed := step()
			for id, in := range s.Instances {
				changed = changed || !in.Settled
				s.Instances[id] = Instance{in.Revision, true, true}
			}
			if changed {
				continue
			}
			if placed(s.Wanted) == n {
				if done := Next(s).Done && len(s.Instances) == n; !done && !short() {
					t.Fatalf("it ends with %+v", s)
				}
			} else if at := Next(s).Up; Next(s).OnTheWay || at != placed(s.Wanted) && !short() {
				t.Fatalf("it waits for a place with %d at the target: %+v", at, s)
			}
			return
		}
		t.Fatalf("no end: %+v", s)
	})
}
