package policy

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	api "teamtask.dev/api/v1alpha1"
)

// given creates a Block as somebody, and gives it [1000,2000) as the controller does.
func given(t *testing.T, by caller, namespace string) *api.Block {
	t.Helper()
	b := newBlock("", "primes")
	b.GenerateName = "primes-"
	b, err := by.blocks(namespace).create(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	b.Status.Turn, b.Status.Index, b.Status.Size = 1, new(int64(1000)), new(int64(1000))
	b.Status.SetPhase(api.BlockWorking, "", metav1.Now())
	if b, err = theController().blocks(namespace).writeStatus(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	return b
}

func part(index, size int64) api.Range { return api.Range{Index: index, Size: size} }

// What a worker may write into the status of its Block.
func TestWorkerRenewsAndTurnsIn(t *testing.T) {
	ns := newNamespace(t)
	for _, worker := range []caller{user("ann", "workers"), account(ns, "default"), pod(t, ns, "default", "primes-0")} {
		for _, end := range []api.BlockPhase{api.BlockDone, api.BlockReleased} {
			b := given(t, worker, ns)
			write := func(what string, change func(*api.BlockStatus)) {
				t.Helper()
				change(&b.Status)
				written, err := worker.blocks(ns).writeStatus(t.Context(), b)
				if err != nil {
					t.Fatalf("%s, %s: %v", b.Spec.User, what, err)
				}
				b = written
			}
			write("renew", func(s *api.BlockStatus) { s.RenewTime = new(metav1.NowMicro()) })
			write("report", func(s *api.BlockStatus) {
				s.Done, s.DoneRanges = 500, []api.Range{part(1000, 499), part(1999, 1)}
				s.FailedRanges = []api.FailedItems{{Range: part(1500, 3), Reason: "exit status 1"}}
				s.Found = []api.Found{{Index: 1999, Value: "a prime"}}
				s.RenewTime, s.Elapsed = new(metav1.NowMicro()), &metav1.Duration{Duration: 7}
			})
			write("turn in", func(s *api.BlockStatus) { s.SetPhase(end, "", metav1.Now()) })
			write("turn in again, as the answer was lost", func(*api.BlockStatus) {})
		}
	}
}

// Every way to write what is not one's own to write is refused, in words that say what to do.
func TestStatusIsGuarded(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers")
	for _, c := range []struct {
		name     string
		change   func(*api.BlockStatus)
		expected string
	}{
		{"take more", func(s *api.BlockStatus) { s.Size = new(int64(5000)) }, "only the controller writes them"},
		{"take others", func(s *api.BlockStatus) { s.Index = new(int64(0)) }, "only the controller writes them"},
		{"drop the range", func(s *api.BlockStatus) { s.Index = nil }, "only the controller writes them"},
		{"forget restarts", func(s *api.BlockStatus) { s.Restarts = 9 }, "only the controller writes them"},
		{"of a turn that is over", func(s *api.BlockStatus) { s.Turn = 0 }, "status.turn is 1, not 0: the Block was given another range since you last read it; read it again"},
		{"of a turn to come", func(s *api.BlockStatus) { s.Turn = 2 }, "status.turn is 1, not 2"},
		{"expire", func(s *api.BlockStatus) { s.SetPhase(api.BlockExpired, "", metav1.Now()) }, "only the controller lets it expire"},
		{"wait again", func(s *api.BlockStatus) { s.SetPhase(api.BlockPending, "", metav1.Now()) }, "the reason of the condition Ready is as it was"},
		{"no conditions", func(s *api.BlockStatus) { s.Conditions = nil }, "the reason of the condition Ready is as it was"},
		{"done before the Block", func(s *api.BlockStatus) { s.DoneRanges = []api.Range{part(999, 2)} }, "status.doneRanges goes beyond the Block, which is [1000,2000)"},
		{"done beyond the Block", func(s *api.BlockStatus) { s.DoneRanges = []api.Range{part(1000, 5), part(1999, 2)} }, "status.doneRanges goes beyond the Block"},
		{"failed beyond the Block", func(s *api.BlockStatus) { s.FailedRanges = []api.FailedItems{{Range: part(2000, 1)}} }, "status.failedRanges goes beyond the Block"},
		{"found beyond the Block", func(s *api.BlockStatus) { s.Found = []api.Found{{Index: 2000}} }, "status.found names an item beyond the Block"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := given(t, ann, ns)
			c.change(&b.Status)
			_, err := ann.blocks(ns).writeStatus(t.Context(), b)
			refused(t, err, c.expected)
		})
	}
}

// A Block that waits for its range has nothing that could be done.
func TestPendingBlockHasNothingDone(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers").blocks(ns)
	b, err := ann.create(t.Context(), newBlock("pending", "primes"))
	if err != nil {
		t.Fatal(err)
	}
	b.Status.RenewTime = new(metav1.NowMicro())
	if b, err = ann.writeStatus(t.Context(), b); err != nil {
		t.Errorf("renew while Pending: %v", err)
	}
	b.Status.DoneRanges = []api.Range{part(0, 1)}
	_, err = ann.writeStatus(t.Context(), b)
	refused(t, err, "status.doneRanges goes beyond the Block, which is [0,0)")
}

// The largest status that the schema lets through is within what the API server spends on a policy.
func TestGuardsBearTheLargestStatus(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers")
	b := given(t, ann, ns)
	for range 4096 {
		b.Status.DoneRanges = append(b.Status.DoneRanges, part(1000, 1000))
	}
	for range 1024 {
		b.Status.FailedRanges = append(b.Status.FailedRanges, api.FailedItems{Range: part(1000, 1000), Reason: strings.Repeat("x", 100)})
	}
	for range 100 {
		b.Status.Found = append(b.Status.Found, api.Found{Index: 1999, Value: "x"})
	}
	for _, change := range []func(*api.BlockStatus){
		func(*api.BlockStatus) {},
		func(s *api.BlockStatus) { s.SetPhase(api.BlockDone, "", metav1.Now()) },
		func(*api.BlockStatus) {}, // again, as the answer was lost
	} {
		change(&b.Status)
		written, err := ann.blocks(ns).writeStatus(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		b = written
	}
}

// What is finished stays as it is until it is merged: the controller may have read it.
func TestFinishedStaysFinished(t *testing.T) {
	ns := newNamespace(t)
	ann := user("ann", "workers")
	for _, c := range []struct {
		by      caller
		end     api.BlockPhase
		message string
	}{
		{ann, api.BlockDone, "the Block is finished (Done) and waits to be merged: its status cannot be changed any more"},
		{ann, api.BlockReleased, "the Block is finished (Released)"},
		{theController(), api.BlockExpired, "its lease ran out, and what was not done goes out again"},
	} {
		for name, change := range map[string]func(*api.BlockStatus){
			"work on":     func(s *api.BlockStatus) { s.SetPhase(api.BlockWorking, "", metav1.Now()) },
			"end anew":    func(s *api.BlockStatus) { s.SetPhase(api.BlockDone, "after all", metav1.Now()) },
			"renew":       func(s *api.BlockStatus) { s.RenewTime = new(metav1.NowMicro()) },
			"report more": func(s *api.BlockStatus) { s.DoneRanges = []api.Range{part(1000, 10)} },
		} {
			t.Run(fmt.Sprint(c.end, " ", name), func(t *testing.T) {
				b := given(t, ann, ns)
				b.Status.SetPhase(c.end, "", metav1.Now())
				b, err := c.by.blocks(ns).writeStatus(t.Context(), b)
				if err != nil {
					t.Fatal(err)
				}
				change(&b.Status)
				_, err = ann.blocks(ns).writeStatus(t.Context(), b)
				refused(t, err, c.message)
			})
		}
	}
}

// Nobody turns in another's Block: not another user, not another pod of the same service account, not by a patch.
func TestNobodyTurnsInAnothersBlock(t *testing.T) {
	ns := newNamespace(t)
	ann, first, second := user("ann", "workers"), pod(t, ns, "default", "primes-0"), pod(t, ns, "default", "primes-1")
	other := pod(t, ns, "other", "others-0")
	const renew = `[{"op": "add", "path": "/status/renewTime", "value": "2026-01-01T00:00:00.000000Z"}]`
	for _, c := range []struct {
		name      string
		owner, by caller
		message   string
	}{
		{"another person", ann, user("bob", "workers"), "this Block is ann's, and you are bob: only who created a Block may write its status; create a Block of your own"},
		{"an editor", ann, editor(t, ns), "this Block is ann's"},
		{"a pod a person's", ann, first, "this Block is ann's"},
		{"a pod of another account", first, other, "only who created a Block may write its status"},
		{"another pod of the account", first, second, "this Block is worker primes-0's, and you are pod primes-1: only the pod that created a Block may write its status"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := given(t, c.owner, ns)
			refused(t, c.by.blocks(ns).patch(t.Context(), b.Name, renew, "status"), c.message)
			b.Status.SetPhase(api.BlockDone, "", metav1.Now())
			_, err := c.by.blocks(ns).writeStatus(t.Context(), b)
			refused(t, err, c.message)
		})
	}
}

// The spec, by which the owner is known, cannot be changed; nor can a Block be made another's by making it anew.
func TestOwnerStays(t *testing.T) {
	ns := newNamespace(t)
	b := given(t, user("ann", "workers"), ns)
	for _, by := range []caller{editor(t, ns), admin()} {
		refused(t, by.blocks(ns).patch(t.Context(), b.Name, `[{"op": "replace", "path": "/spec/user", "value": "bob"}]`), "a Block's spec cannot be changed")
	}
}

// editor is a person who may edit everything in a namespace.
func editor(t *testing.T, namespace string) caller {
	t.Helper()
	if err := bind(t.Context(), namespace, "edit", "User", "eve"); err != nil {
		t.Fatal(err)
	}
	return user("eve")
}
