package swarms

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
)

// 26 streams over two workers, and a third one that joins: it gets a third of them, but not before those who had them let go.
func TestWorkersShareWorkloads(t *testing.T) {
	swarmed(t, names(26), func(t *testing.T, w *world) {
		a, b := w.joins("a"), w.joins("b")
		a.runs()
		b.runs()
		if x, y := a.runs(), b.runs(); len(x) != 13 || len(y) != 13 {
			t.Fatalf("%v, %v", x, y)
		}
		if got := w.phase(); got != v1alpha1.SwarmConverged {
			t.Errorf("it is %s", got)
		}
		c := w.joins("c")
		if _, got := c.told(); len(got) > 0 {
			t.Errorf("c was told to run %v, which others may still run", got)
		}
		a.runs()
		_, some := c.told()
		b.runs()
		if _, got := c.told(); len(some) == 0 || len(some) >= 8 || len(got) != 8 {
			t.Errorf("c was told to run %v once a had let go, %v once b had", some, got)
		}
	})
}

// A worker that is silent is gone when its lease has run out, and its workloads go to others once the patience is over, too.
func TestASilentWorker(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		var gone, moved time.Duration
		for ; moved == 0; time.Sleep(time.Second) {
			has := b.runs()
			since := time.Since(a.renewed)
			if since > time.Minute {
				t.Fatalf("after %s b has nothing of it; a gone after %s", since, gone)
			}
			if len(has) == 4 {
				moved = since
			}
			if _, _, _, err := w.Follow("a", a.incarnation); err != nil && gone == 0 {
				gone = since
			}
		}
		if gone < 10*time.Second || gone > 13*time.Second || moved < 30*time.Second || moved > 36*time.Second {
			t.Errorf("gone after %s, moved after %s; the lease is 10s, the patience 20s", gone, moved)
		}
		var lost *LostError
		var unknown *UnknownError
		if err := a.renew(1); !errors.As(err, &lost) && !errors.As(err, &unknown) {
			t.Errorf("it renews its lease: %v", err)
		}
	})
}

// One that is back within the patience finds its part again; until then nobody else has anything of it.
func TestAWorkerThatComesBack(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		had := a.runs()
		for range 9 {
			time.Sleep(time.Second)
			b.runs()
		}
		var lost *LostError
		if err := a.renew(1); !errors.As(err, &lost) {
			t.Fatalf("its lease has run out: %v", err)
		}
		if as, err := w.Assignment("a"); err != nil || as.Status.Phase() != v1alpha1.AssignmentGone {
			t.Errorf("%+v, %v", as, err)
		}
		again := w.joins("a")
		if got := again.runs(); !slices.Equal(got, had) || again.incarnation == a.incarnation {
			t.Errorf("it had %v, and finds %v", had, got)
		}
		if got := b.runs(); len(got) != 2 {
			t.Errorf("b has %v", got)
		}
		if err := a.renew(1); !errors.As(err, &lost) {
			t.Errorf("the incarnation that was gone comes back: %v", err)
		}
	})
}

// One that leaves is gone at once, and nobody waits for it.
func TestAWorkerThatLeaves(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		for range 2 { // repeated after a lost answer
			if err := w.Leave(t.Context(), "a", a.incarnation); err != nil {
				t.Fatal(err)
			}
		}
		if got := b.runs(); len(got) != 4 {
			t.Errorf("b has %v", got)
		}
		var unknown *UnknownError
		if _, err := w.Assignment("a"); !errors.As(err, &unknown) {
			t.Errorf("it is in the pool: %v", err)
		}
		w.joins("a")
	})
}

// pair has two workers join that share the workloads, and have said so.
func (w *world) pair() (a, b *session) {
	a, b = w.joins("a"), w.joins("b")
	for range 2 {
		a.runs()
		b.runs()
	}
	return a, b
}

// One that drains gives everything away before it leaves.
func TestAWorkerThatDrains(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		version, _ := a.told()
		if _, err := w.Renew("a", v1alpha1.RenewalRequest{Incarnation: a.incarnation, Version: version, Draining: true}); err != nil {
			t.Fatal(err)
		}
		version, left := a.told()
		if _, has := b.told(); len(left) > 0 || len(has) != 2 {
			t.Errorf("a is told to run %v, b %v before a has let go", left, has)
		}
		if _, err := w.Renew("a", v1alpha1.RenewalRequest{Incarnation: a.incarnation, Version: version, Draining: true}); err != nil {
			t.Fatal(err)
		}
		if _, has := b.told(); len(has) != 4 {
			t.Errorf("b is told to run %v", has)
		}
	})
}

// One that does not acknowledge its part in time is told to join anew, and is gone when its lease has run out: one worker that hangs
// does not hold up the others for ever. One that acknowledges one version after the other is in time, be it never up to date.
func TestAWorkerThatDoesNotAcknowledge(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		had, _ := a.told()
		w.change(func(s *v1alpha1.Swarm) { s.Spec.Workloads.Names = names(6) })
		b.runs()
		begun := time.Now()
		var err error
		for ; err == nil; time.Sleep(time.Second) {
			err = a.renew(had)
			b.runs()
		}
		var overdue *OverdueError
		if took := time.Since(begun); !errors.As(err, &overdue) || took < 25*time.Second || took > 35*time.Second {
			t.Errorf("after %s: %v", took, err)
		}
		if text := err.Error(); !strings.Contains(text, "within 30s") || !strings.Contains(text, "raise spec.handover.timeout of swarm ") {
			t.Errorf("it does not say what to do: %s", text)
		}
		if _, err := w.Join(t.Context(), v1alpha1.JoinRequest{Worker: "a"}); err == nil {
			t.Error("it has joined anew before its lease ran out")
		}
		for range 10 {
			time.Sleep(time.Second)
			b.runs()
		}
		again := w.joins("a")
		for range 60 {
			w.change(func(s *v1alpha1.Swarm) { s.Spec.Workloads.Names = append(names(6), fmt.Sprint(time.Now().Unix())) })
			behind, _ := again.told()
			w.change(func(s *v1alpha1.Swarm) {
				s.Spec.Workloads.Names = append(names(6), fmt.Sprint(time.Now().Unix(), "-b"))
			})
			if err := again.renew(behind); err != nil {
				t.Fatal(err)
			}
			b.runs()
		}
	})
}

// What cannot be true is refused in words that say what to do.
func TestRefusals(t *testing.T) {
	swarmed(t, names(2), func(t *testing.T, w *world) {
		a := w.joins("a")
		version, _ := a.told()
		renewal := func(worker, incarnation string, version int64) func() error {
			return func() error {
				_, err := w.Renew(worker, v1alpha1.RenewalRequest{Incarnation: incarnation, Version: version})
				return err
			}
		}
		for _, c := range []struct {
			what string
			do   func() error
			want string
		}{
			{"a worker that is not in the pool acknowledges", renewal("x", "one-of-its-own", 1), `worker "x" is not in the pool of swarm streams: join it, or correct the name`},
			{"another incarnation", renewal("a", "another", version), "is not the present one"},
			{"no incarnation", renewal("a", "", version), "is not the present one"},
			{"a version it was never given", renewal("a", a.incarnation, version+1), fmt.Sprintf("version: worker \"a\" acknowledges version %d, but %d is the latest it was given", version+1, version)},
			{"another of its name", func() error {
				_, err := w.Join(t.Context(), v1alpha1.JoinRequest{Worker: "a"})
				return err
			}, `a worker "a" is there already, under a lease that runs for another`},
			{"who follows another's part", func() error { _, _, _, err := w.Follow("a", "another"); return err }, "Stop everything it runs, and join anew"},
		} {
			if err := c.do(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v; want %s", c.what, err, c.want)
			}
		}
		if err := w.Leave(t.Context(), "a", "another"); err != nil {
			t.Errorf("an incarnation that is gone leaves: %v", err)
		}
		if err := a.renew(version); err != nil {
			t.Errorf("nothing of it had an effect, but: %v", err)
		}
	})
}

// A join that is repeated after a lost answer is answered as before.
func TestAJoinIsRepeated(t *testing.T) {
	swarmed(t, names(2), func(t *testing.T, w *world) {
		req := v1alpha1.JoinRequest{Worker: "a", Incarnation: "0123456789abcdef"}
		for range 2 {
			resp, err := w.Join(t.Context(), req)
			if err != nil || resp.Incarnation != req.Incarnation || resp.Lease.Duration != 10*time.Second {
				t.Errorf("%+v, %v", resp, err)
			}
		}
	})
}

// After a takeover who was there has a whole lease anew, of the length that it was told; what is durable is as before.
func TestATakeover(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		version, had := a.told()
		time.Sleep(5 * time.Second)
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := a.renew(version); !errors.Is(err, ErrGone) {
			t.Errorf("the engine of before answers: %v", err)
		}
		w.swarm = w.swarm.DeepCopy()
		w.swarm.Spec.Handover.Lease = duration(2 * time.Second) // for who joins from now on
		w.take()
		time.Sleep(9 * time.Second)
		if err := a.renew(version); err != nil {
			t.Errorf("9s after the takeover, under a lease of 10s: %v", err)
		}
		if now, got := a.told(); now != version || !slices.Equal(got, had) {
			t.Errorf("version %d, %v; it was %d, %v", now, got, version, had)
		}
		time.Sleep(2 * time.Second)
		var lost *LostError
		if err := b.renew(version); !errors.As(err, &lost) {
			t.Errorf("b was silent for its whole lease: %v", err)
		}
	})
}

// After a takeover nobody is said to run its part of whom this server has not heard, and the swarm not to have converged.
func TestNothingIsClaimedOfWhoWasNotHeardOf(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, b := w.pair()
		version, _ := a.told()
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.take()
		for _, c := range []struct {
			heard            func() error // of whom, since
			swarm, a, b, now string
		}{
			{func() error { return nil }, v1alpha1.SwarmUnknown, v1alpha1.AssignmentUnknown, v1alpha1.AssignmentUnknown, "0/2"},
			{func() error { return a.renew(version) }, v1alpha1.SwarmUnknown, v1alpha1.AssignmentCurrent, v1alpha1.AssignmentUnknown, "1/2"},
			{func() error { return b.renew(version) }, v1alpha1.SwarmConverged, v1alpha1.AssignmentCurrent, v1alpha1.AssignmentCurrent, "2/2"},
		} {
			if err := c.heard(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := w.phase(); got != c.swarm {
				t.Errorf("it is %s, want %s", got, c.swarm)
			}
			sw, _, err := w.Engine.Swarm()
			if err != nil || sw.Status.Current != c.now {
				t.Errorf("%s run their part, want %s; %v", sw.Status.Current, c.now, err)
			}
			for name, want := range map[string]string{"a": c.a, "b": c.b} {
				as, err := w.Assignment(name)
				if err != nil {
					t.Fatal(err)
				}
				if got := as.Status.Phase(); got != want || (as.Status.RenewTime == nil) != (want == v1alpha1.AssignmentUnknown) {
					t.Errorf("%s is %s, renewed at %v; want %s", name, got, as.Status.RenewTime, want)
				}
			}
		}
	})
}

// A worker that cannot apply its part says why, until it can. That is written nowhere.
func TestTrouble(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a := w.joins("a")
		had, _ := a.told()
		if err := a.renew(had); err != nil {
			t.Fatal(err)
		}
		w.change(func(s *v1alpha1.Swarm) { s.Spec.Workloads.Names = names(6) })
		wanted, _ := a.told()
		writes := w.record.lives()
		for _, c := range []struct {
			version        int64
			trouble, phase string
		}{
			{had, "", v1alpha1.AssignmentBehind},
			{had, "exit status 3", v1alpha1.AssignmentFailing},
			{wanted, "", v1alpha1.AssignmentCurrent},
		} {
			if _, err := w.Renew("a", v1alpha1.RenewalRequest{Incarnation: a.incarnation, Version: c.version, Trouble: c.trouble}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if n := w.record.lives(); c.version == had && n != writes {
				t.Errorf("%d writes of what is for people", n-writes)
			}
			as, err := w.Assignment("a")
			if err != nil {
				t.Fatal(err)
			}
			if got := as.Status; got.Phase() != c.phase || got.Trouble != c.trouble || !strings.Contains(got.Conditions[0].Message, c.trouble) {
				t.Errorf("%+v, want %s, %q", got, c.phase, c.trouble)
			}
		}
	})
}

// As soon as another server may own the swarm, this one answers no renewal: the other does not hear of it.
func TestNoRenewalIsAnsweredThatTheNextOwnerDoesNotHearOf(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a := w.joins("a")
		w.taken.Store(true)
		if err := a.renew(0); !errors.Is(err, ErrGone) {
			t.Errorf("%v", err)
		}
		w.taken.Store(false)
		if err := a.renew(0); err != nil {
			t.Errorf("it has made sure that nobody took the swarm: %v", err)
		}
	})
}

// When a write fails, who waits for it is told to come again.
func TestAFailedWrite(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		synctest.Wait()
		time.Sleep(time.Second)
		w.record.own() // another server's
		_, err := w.Join(t.Context(), v1alpha1.JoinRequest{Worker: "a"})
		if !errors.Is(err, ErrGone) {
			t.Errorf("%v", err)
		}
		<-w.Ended()
	})
}

// Many acknowledgements share a decision.
func TestManyAcknowledgementsShareADecision(t *testing.T) {
	swarmed(t, names(100), func(t *testing.T, w *world) {
		var workers []*session
		var all sync.WaitGroup
		for i := range 50 {
			s := &session{world: w, name: fmt.Sprintf("w-%d", i)}
			workers = append(workers, s)
			all.Go(func() {
				resp, err := w.Join(t.Context(), v1alpha1.JoinRequest{Worker: s.name})
				if err != nil {
					t.Error(err)
				}
				s.incarnation = resp.Incarnation
			})
		}
		all.Wait()
		workers[0].told()
		before, _, _ := w.Engine.Swarm()
		for _, s := range workers {
			a, _, _, err := w.Follow(s.name, s.incarnation)
			if err == nil {
				err = s.renew(a.Spec.Version)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		workers[0].told()
		after, _, _ := w.Engine.Swarm()
		if n := after.Status.Version - before.Status.Version; n > 3 {
			t.Errorf("%d decisions", n)
		}
	})
}

// A swarm that is deleted takes everything back, and goes when nobody may run anything of it any more.
func TestDeletion(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a, _ := w.pair()
		w.change(func(s *v1alpha1.Swarm) { now := metav1.Now(); s.DeletionTimestamp = &now })
		if got := a.runs(); len(got) > 0 {
			t.Errorf("a is told to run %v", got)
		}
		if _, err := w.Join(t.Context(), v1alpha1.JoinRequest{Worker: "c"}); !errors.Is(err, ErrDeleted) {
			t.Errorf("c joins: %v", err)
		}
		if w.removed.Load() {
			t.Fatal("it is gone while b may run something of it")
		}
		time.Sleep(10 * time.Second) // b is silent
		<-w.Ended()
		if err := a.renew(1); !w.removed.Load() || !errors.Is(err, store.ErrNotFound) {
			t.Errorf("removed: %t; a renews: %v", w.removed.Load(), err)
		}
	})
}

// A workload that comes twice changes nothing, and is said.
func TestWorkloadsThatCannotBeHad(t *testing.T) {
	swarmed(t, names(4), func(t *testing.T, w *world) {
		a := w.joins("a")
		had := a.runs()
		w.change(func(s *v1alpha1.Swarm) { s.Spec.Workloads.List = []v1alpha1.WorkloadItem{{Name: "cctv-00"}} })
		if err := w.Decided(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := w.phase(); got != v1alpha1.SwarmInvalid {
			t.Errorf("it is %s", got)
		}
		if got := a.runs(); !slices.Equal(got, had) {
			t.Errorf("it had %v, and has %v", had, got)
		}
	})
}

// Epochs count from when the swarm was made: those of a swarm of that name that was deleted before are less.
func TestEpochsCountFromTheSwarmsBirth(t *testing.T) {
	swarmed(t, names(2), func(t *testing.T, w *world) {
		made := time.Unix(1e9, 0)
		w.change(func(s *v1alpha1.Swarm) { s.CreationTimestamp = metav1.NewTime(made) })
		a := w.joins("a")
		a.runs()
		a.runs()
		part, err := w.Assignment("a")
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range part.Spec.Workloads {
			if first := made.UnixMilli(); g.Epoch <= first || g.Epoch > first+part.Spec.Version {
				t.Errorf("%s has epoch %d at version %d", g.Name, g.Epoch, part.Spec.Version)
			}
		}
		if len(part.Spec.Workloads) != 2 {
			t.Errorf("it has %v", part.Spec.Workloads)
		}
	})
}
