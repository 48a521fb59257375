package faults

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"teamtask.dev/worklist"
)

// history is what the workers of a list saw: what they were given, and what became of what they said of it.
type history struct {
	begun time.Time

	mu    sync.Mutex
	calls []porcupine.Operation
}

func newHistory() *history { return &history{begun: time.Now()} }

// call is what a worker does with the items of a range, or sees of them.
type call struct {
	kind    string // get, renew, finish, or end: what the list's record says
	lease   string
	r       worklist.Range
	done    *worklist.Set // what is said to be done
	verdict verdict       // of renew and finish
}

func (h *history) now() time.Duration {
	if h == nil {
		return 0
	}
	return time.Since(h.begun)
}

func (h *history) add(c call, from time.Duration) {
	if h == nil {
		return
	}
	until := h.now().Nanoseconds()
	if c.verdict == unknown { // it may take effect at any time
		until = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, porcupine.Operation{Input: c, Output: c, Call: from.Nanoseconds(), Return: until})
}

func (x *hand) lease() string { return fmt.Sprintf("%s/%d", x.uid, x.turn) }

func (h *history) got(x *hand) { h.add(call{kind: "get", lease: x.lease(), r: x.r}, x.asked) }

// wrote adds what became of a renewal, or of the end of a turn.
func (h *history) wrote(kind string, x *hand, from time.Duration, v verdict, done ...worklist.Range) {
	var set worklist.Set
	for _, r := range done {
		set.Put(r, struct{}{})
	}
	h.add(call{kind: kind, lease: x.lease(), r: x.r, verdict: v, done: &set}, from)
}

// ended adds what the record of the list says in the end.
func (h *history) ended(rec worklist.Record) {
	h.add(call{kind: "end", r: worklist.Range{End: rec.Size}, done: &rec.Done}, h.now())
}

// itemState is an item as it has to look to somebody who sees all calls in one order.
type itemState struct {
	holder string // the lease it is out under
	done   bool
}

// itemCall is what a call says of one item.
type itemCall struct {
	kind, lease string
	done        bool
	verdict     verdict
}

// itemModel is what a sequence of calls may do with an item: it goes out only while it is not done; only the lease under which
// it was last out is renewed, or turned in, and once; it is done in the end if, and only if, that was accepted of somebody, be
// it as progress. A refusal has no effect.
var itemModel = porcupine.NondeterministicModel{
	Init: func() []any { return []any{itemState{}} },
	Step: func(state, input, output any) []any {
		s, c := state.(itemState), output.(itemCall)
		mine := s.holder == c.lease
		after := itemState{done: s.done || c.done}
		if c.kind == "renew" {
			after.holder = s.holder
		}
		switch {
		case c.kind == "get" && !s.done:
			return []any{itemState{holder: c.lease}}
		case c.kind == "end" && s.done == c.done:
			return []any{s}
		case c.kind == "get", c.kind == "end":
			return nil
		case c.verdict == refused, c.verdict == unknown && !mine:
			return []any{s}
		case c.verdict == unknown: // it may have arrived or not
			return []any{s, after}
		case mine:
			return []any{after}
		}
		return nil
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v", output) },
}

// check tells whether the history of every item is one that could be if all calls were made one after the other.
func (h *history) check(t interface{ Errorf(string, ...any) }, size int64) {
	model := itemModel.ToModel()
	for i := range size {
		var calls []porcupine.Operation
		for _, op := range h.calls {
			c := op.Input.(call)
			if c.r.Start > i || i >= c.r.End {
				continue
			}
			x := itemCall{kind: c.kind, lease: c.lease, verdict: c.verdict, done: c.done != nil && c.done.Covers(worklist.Range{Start: i, End: i + 1})}
			op.Input, op.Output = x, x
			calls = append(calls, op)
		}
		if result := porcupine.CheckOperationsTimeout(model, calls, time.Minute); result != porcupine.Ok {
			t.Errorf("item %d: %v", i, result)
			for _, op := range calls {
				t.Errorf("  %d..%d %+v", op.Call, op.Return, op.Input)
			}
			return
		}
	}
}

// The model would notice: an item in two hands, one counted for somebody who had lost it, one handed out after it was done, one
// done that nobody did, one lost that somebody was told is done.
func TestTheModelNotices(t *testing.T) {
	get := func(lease string) itemCall { return itemCall{kind: "get", lease: lease} }
	says := func(kind, lease string, done bool, v verdict) itemCall { return itemCall{kind, lease, done, v} }
	end := func(done bool) itemCall { return itemCall{kind: "end", done: done} }
	for _, c := range []struct {
		what  string
		calls []itemCall
		want  bool
	}{
		{"as it should be", []itemCall{get("a"), says("renew", "a", false, accepted), says("finish", "a", true, accepted), end(true)}, true},
		{"lost, done by another", []itemCall{get("a"), get("b"), says("finish", "a", true, refused), says("finish", "b", true, accepted), end(true)}, true},
		{"progress counts", []itemCall{get("a"), says("renew", "a", true, accepted), end(true)}, true},
		{"an answer lost", []itemCall{get("a"), says("finish", "a", true, unknown), end(true)}, true},
		{"in two hands", []itemCall{get("a"), get("b"), says("renew", "a", false, accepted)}, false},
		{"counted for somebody who had lost it", []itemCall{get("a"), get("b"), says("finish", "a", true, accepted)}, false},
		{"handed out after it was done", []itemCall{get("a"), says("finish", "a", true, accepted), get("b")}, false},
		{"turned in twice", []itemCall{get("a"), says("finish", "a", true, accepted), says("finish", "a", true, accepted)}, false},
		{"done by nobody", []itemCall{get("a"), end(true)}, false},
		{"lost", []itemCall{get("a"), says("finish", "a", true, accepted), end(false)}, false},
	} {
		var calls []porcupine.Operation
		for i, x := range c.calls {
			calls = append(calls, porcupine.Operation{Input: x, Output: x, Call: int64(2 * i), Return: int64(2*i + 1)})
		}
		if got := porcupine.CheckOperations(itemModel.ToModel(), calls); got != c.want {
			t.Errorf("%s: %t", c.what, got)
		}
	}
}
