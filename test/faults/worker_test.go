package faults

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// worker asks for work at the Kubernetes API, as the first door has it.
type worker struct {
	s       *site
	name    string
	list    string
	refill  bool
	client  client.Client
	history *history // nil: nobody asks
}

func (s *site) worker(list, name string) *worker {
	return &worker{s: s, name: name, list: list, client: s.client}
}

// hand is a Block of a worker, and the turn it is in.
type hand struct {
	*worker
	name    string
	uid     types.UID
	version *v1alpha1.Block // the last that is known
	turn    int64
	r       worklist.Range
	asked   time.Duration
}

var asked atomic.Int64

// ask creates a Block.
func (w *worker) ask(ctx context.Context) (*hand, error) {
	h := &hand{worker: w, name: fmt.Sprintf("%s-%s-%d", w.list, w.name, asked.Add(1)), asked: w.history.now()}
	b := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Name: h.name, Namespace: w.s.ns, Finalizers: []string{v1alpha1.BlockFinalizer}},
		Spec: v1alpha1.BlockSpec{Worklist: w.list, Worker: w.name, Refill: w.refill}}
	var wl v1alpha1.Worklist
	err := w.client.Get(ctx, client.ObjectKey{Namespace: w.s.ns, Name: w.list}, &wl)
	if err == nil {
		b.OwnerReferences = []metav1.OwnerReference{{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind, Name: wl.Name, UID: wl.UID}}
	} else if !apierrors.IsNotFound(err) {
		return nil, err
	}
	if err := w.client.Create(ctx, b); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, err
	}
	h.version, h.uid = b, b.UID
	return h, nil
}

// next waits for the Block's next range. Without one the Block is gone, or the list over, or there was nothing for too long.
func (h *hand) next(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got := false
	err := h.s.Await(ctx, func() bool {
		b, wl := h.s.blocks[h.name], h.s.lists[h.list]
		switch {
		case wl == nil, wl.Status.Phase().Over():
			return true
		case b == nil:
			return h.s.ended[h.uid]
		case b.Status.Held() && b.Status.Turn > h.turn:
			got, h.version, h.turn, h.r = true, b.DeepCopy(), b.Status.Turn, rangeOf(b)
		}
		return got
	})
	if got {
		h.history.got(h)
	}
	return got && err == nil
}

// verdict is what became of what a worker wrote.
type verdict string

const (
	accepted verdict = "accepted"
	refused  verdict = "refused" // the turn is over
	unknown  verdict = "unknown" // the answer was lost, and the turn is over
)

// write changes the Block's status, as long as the turn lasts.
func (h *hand) write(ctx context.Context, change func(*v1alpha1.BlockStatus)) verdict {
	lost := false
	for {
		b := h.version.DeepCopy()
		change(&b.Status)
		if err := h.client.Status().Update(ctx, b); err == nil {
			h.version = b
			return accepted
		} else if !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) && !apierrors.IsTooManyRequests(err) {
			if lost = true; ctx.Err() != nil {
				return unknown
			}
		}
		b = &v1alpha1.Block{}
		err := h.client.Get(ctx, client.ObjectKey{Namespace: h.s.ns, Name: h.name}, b)
		switch {
		case err != nil && ctx.Err() != nil:
			return unknown
		case err != nil && !apierrors.IsNotFound(err):
			continue
		case err == nil && b.UID == h.uid && b.Status.Held() && b.Status.Turn == h.turn:
			h.version = b
		case lost:
			return unknown
		default:
			return refused
		}
	}
}

// renew says that the worker is there, and how far it is: the first n items are done.
func (h *hand) renew(ctx context.Context, n int64) verdict {
	from := h.history.now()
	v := h.write(ctx, func(s *v1alpha1.BlockStatus) {
		s.RenewTime = &metav1.MicroTime{Time: time.Now()}
		if s.Done, s.DoneRanges = n, nil; n > 0 {
			s.DoneRanges = []v1alpha1.Range{{Index: h.r.Start, Size: n}}
		}
	})
	h.history.wrote("renew", h, from, v, worklist.Range{Start: h.r.Start, End: h.r.Start + n})
	return v
}

// finish ends the turn. Done are all but what failed; Released only what it says.
func (h *hand) finish(ctx context.Context, phase v1alpha1.BlockPhase, done []v1alpha1.Range, failed ...v1alpha1.FailedItems) verdict {
	from := h.history.now()
	status := v1alpha1.BlockStatus{Index: &h.r.Start, Size: new(h.r.Size()), DoneRanges: done, FailedRanges: failed}
	v := h.write(ctx, func(s *v1alpha1.BlockStatus) {
		s.DoneRanges, s.FailedRanges = done, failed
		s.SetPhase(phase, "the worker says so", metav1.Now())
	})
	status.SetPhase(phase, "", metav1.Now())
	h.history.wrote("finish", h, from, v, doneOf(&v1alpha1.Block{Status: status})...)
	h.asked = h.history.now()
	return v
}

// work does what is said with each range that the worker is given, until the list is over.
func (w *worker) work(ctx context.Context, do func(*hand)) {
	for ctx.Err() == nil {
		h, err := w.ask(ctx)
		if err != nil {
			continue
		}
		for h.next(ctx) {
			do(h)
			if !w.refill {
				break
			}
		}
		w.s.Lock()
		wl := w.s.lists[w.list]
		w.s.Unlock()
		if wl == nil || wl.Status.Phase().Over() {
			return
		}
	}
}

// failing are those of the items that are within a range, one by one.
func failing(r worklist.Range, items ...int64) (out []v1alpha1.FailedItems) {
	for _, i := range items {
		if r.Start <= i && i < r.End {
			out = append(out, v1alpha1.FailedItems{Range: v1alpha1.Range{Index: i, Size: 1}, Reason: "exit status 1"})
		}
	}
	return out
}
