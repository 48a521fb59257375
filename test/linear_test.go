package test

import (
	"context"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// call is what a worker asks about a block, and gets.
type call struct {
	block   int64 // index
	token   string
	claim   bool                  // otherwise a completion
	verdict v1alpha1.ReportStatus // of the completion; "" where the answer was lost
}

// blockState is a block as it has to look to somebody who sees all calls in one order.
type blockState struct {
	holder string // the token under which it was last out
	done   bool
}

// blockModel is what a sequence of calls about one block may do: it goes out only while it is not done, is counted once,
// and only for the last it was given to; a duplicate is one only when it is done. A refusal has no effect.
var blockModel = porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byBlock := map[int64][]porcupine.Operation{}
		for _, op := range history {
			b := op.Input.(call).block
			byBlock[b] = append(byBlock[b], op)
		}
		var out [][]porcupine.Operation
		for _, ops := range byBlock {
			out = append(out, ops)
		}
		return out
	},
	Init: func() []any { return []any{blockState{}} },
	Step: func(state, input, output any) []any {
		s, c := state.(blockState), output.(call)
		counts := !s.done && s.holder == c.token
		switch {
		case c.claim && !s.done:
			return []any{blockState{holder: c.token}}
		case c.claim:
			return nil
		case c.verdict == v1alpha1.ReportAccepted && counts:
			return []any{blockState{c.token, true}}
		case c.verdict == v1alpha1.ReportDuplicate && s.done, c.verdict == v1alpha1.ReportFenced:
			return []any{s}
		case c.verdict == "" && counts: // it may have arrived or not
			return []any{s, blockState{c.token, true}}
		case c.verdict == "":
			return []any{s}
		}
		return nil
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v", output) },
}

// The API looks as if all calls were made one after the other, although answers are lost, leases run out, workers dawdle
// and the server is killed: checked with porcupine on what the workers saw.
func TestHistoryIsLinearizable(t *testing.T) {
	t.Parallel()
	const size = 3000
	s := newSite(t)
	spec := v1alpha1.WorklistSpec{Size: size, Block: v1alpha1.BlockPolicy{Size: 1, Timeout: seconds(0.2), MaxAttempts: 1000,
		Backoff: v1alpha1.BackoffPolicy{Initial: seconds(0.001), Max: seconds(0.001)}}}
	s.create("list", spec)

	var mu sync.Mutex
	var history []porcupine.Operation
	begun := time.Now()
	note := func(id int, c call, from time.Duration, lost bool) {
		mu.Lock()
		defer mu.Unlock()
		until := time.Since(begun).Nanoseconds()
		if lost { // it may take effect at any time
			until = math.MaxInt64
		}
		history = append(history, porcupine.Operation{ClientId: id, Input: c, Output: c, Call: from.Nanoseconds(), Return: until})
	}
	var workers sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for id := range 6 {
		workers.Go(func() {
			c := client.New(s.URL, s.Token)
			defer c.Close()
			c.Patience = -1 // no repeating behind our back
			name := fmt.Sprintf("w%d", id)
			for ctx.Err() == nil {
				from := time.Since(begun)
				got, err := c.Claim(ctx, "list", &v1alpha1.ClaimRequest{Worker: name, Blocks: 1 + mathrand.IntN(3), Wait: seconds(0.1)})
				if err != nil {
					continue // what was claimed goes out again when the lease has run out
				}
				if got.None == v1alpha1.NoneOver {
					return
				}
				for _, l := range got.Leases {
					note(id, call{block: l.Index, token: l.Token, claim: true}, from, false)
				}
				for _, l := range got.Leases {
					if mathrand.IntN(10) == 0 { // dawdle past the deadline
						dawdle := time.NewTimer(250 * time.Millisecond)
						select {
						case <-dawdle.C:
						case <-ctx.Done():
						}
					}
					for range 1 + mathrand.IntN(2) { // some say it twice
						from := time.Since(begun)
						rc, err := c.Complete(ctx, "list", name, v1alpha1.Report{Token: l.Token})
						out := call{block: l.Index, token: l.Token, verdict: rc.Status}
						var p *client.Problem
						switch {
						case err == nil:
							note(id, out, from, false)
						case client.IsConflict(err):
							out.verdict = v1alpha1.ReportFenced
							note(id, out, from, false)
						case errors.As(err, &p) && p.Status == 422:
							t.Errorf("%s", err)
						default:
							out.verdict = ""
							note(id, out, from, true)
						}
					}
				}
			}
		})
	}
	for range 12 {
		before := s.status("list").Done
		eventually(t, "the workers get on", func() bool {
			st := s.status("list")
			return st.Done > before+20 || st.Phase().Over()
		})
		s.kill()
		s.start()
	}
	eventually(t, "the list is done", func() bool {
		st := s.status("list")
		return st.Phase().Over()
	})
	stop()
	workers.Wait()
	if result := porcupine.CheckOperationsTimeout(blockModel.ToModel(), history, time.Minute); result != porcupine.Ok {
		t.Errorf("%d calls: %v", len(history), result)
	}
	t.Logf("%d calls", len(history))
	s.rowsOnce(t, "list")
}

// The model would notice: an item counted twice, one counted for somebody who had lost it, one handed out after it was
// done, a duplicate of nothing.
func TestTheModelNotices(t *testing.T) {
	claim := func(token string) call { return call{token: token, claim: true} }
	says := func(token string, v v1alpha1.ReportStatus) call { return call{token: token, verdict: v} }
	for _, c := range []struct {
		what  string
		calls []call
		want  bool
	}{
		{"as it should be", []call{claim("a"), says("a", "accepted"), says("a", "duplicate")}, true},
		{"handed out again, the first refused", []call{claim("a"), claim("b"), says("a", "fenced"), says("b", "accepted")}, true},
		{"an answer lost, then a duplicate", []call{claim("a"), says("a", ""), says("a", "duplicate")}, true},
		{"counted twice", []call{claim("a"), says("a", "accepted"), says("a", "accepted")}, false},
		{"counted for somebody who had lost it", []call{claim("a"), claim("b"), says("a", "accepted")}, false},
		{"handed out after it was done", []call{claim("a"), says("a", "accepted"), claim("b")}, false},
		{"a duplicate of nothing", []call{claim("a"), says("a", "duplicate")}, false},
	} {
		var history []porcupine.Operation
		for i, x := range c.calls {
			history = append(history, porcupine.Operation{Input: x, Output: x, Call: int64(2 * i), Return: int64(2*i + 1)})
		}
		if got := porcupine.CheckOperations(blockModel.ToModel(), history); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
