package kube

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"

	"teamtask.dev/api/v1alpha1"
)

// Exchange turns in reports and renews leases: at most one write for each Block. It goes on trying while the API server cannot
// be reached, until ctx ends: the tier's workers go on meanwhile, and what they had is theirs until a write of the controller's
// says otherwise. Rows of results have no place in a Block; what failed and what was found has.
func (u *Upstream) Exchange(ctx context.Context, _ string, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error) {
	visits, reports := u.visits(req)
	receipts := make([]v1alpha1.Receipt, len(reports))
	resp := &v1alpha1.ExchangeResponse{Renewed: make([]v1alpha1.RenewedLease, len(req.Renew))}
	for _, v := range visits {
		verdict, err := u.visit(ctx, v, reports, receipts)
		if err != nil {
			return nil, err
		}
		for _, i := range v.renew {
			resp.Renewed[i] = u.renewed(v, verdict)
		}
	}
	for i, rc := range receipts {
		resp.Items += rc.Items
		if rc.Status == v1alpha1.ReportAccepted {
			resp.Accepted++
			continue
		}
		resp.Receipts = append(resp.Receipts, v1alpha1.IndexedReceipt{I: i, Receipt: rc})
	}
	return resp, nil
}

// visit is all that an exchange says of a Block.
type visit struct {
	token   token
	err     error // the token is none
	turn    *turn // nil: it is not held any more
	reports []int
	renew   []int
}

// visits sorts an exchange by Blocks.
func (u *Upstream) visits(req *v1alpha1.ExchangeRequest) (out []*visit, reports []v1alpha1.Report) {
	byToken := map[string]*visit{}
	visit := func(text string) *visit {
		v := byToken[text]
		if v == nil {
			v = &visit{}
			if v.token, v.err = parseToken(text); v.err == nil {
				v.turn = u.find(v.token)
			}
			byToken[text] = v
			out = append(out, v)
		}
		return v
	}
	for _, text := range req.Complete {
		reports = append(reports, v1alpha1.Report{Token: text})
	}
	reports = append(reports, req.Reports...)
	for i := range reports {
		v := visit(reports[i].Token)
		v.reports = append(v.reports, i)
	}
	for i, text := range req.Renew {
		v := visit(text)
		v.renew = append(v.renew, i)
	}
	return out, reports
}

// find is the turn of a lease, if it is still held.
func (u *Upstream) find(t token) *turn {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.held[t.uid]; h != nil && h.turn != nil && h.turn.number == t.turn {
		return h.turn
	}
	return nil
}

// verdict is what became of what was said of a Block.
type verdict struct {
	status  v1alpha1.ReportStatus
	message string
}

// visit does all that an exchange says of a Block, and fills in the receipts.
func (u *Upstream) visit(ctx context.Context, v *visit, reports []v1alpha1.Report, receipts []v1alpha1.Receipt) (verdict, error) {
	if v.err != nil {
		return u.refuse(v, receipts, verdict{v1alpha1.ReportInvalid, v.err.Error()}), nil
	}
	t := v.turn
	if t == nil {
		return u.tooLate(ctx, v, reports, receipts, goneBlock(v.token.block))
	}
	lost, renewed := u.glance(v)
	if lost != "" {
		return u.tooLate(ctx, v, reports, receipts, lost)
	}
	ended, found := t.end, len(t.found)
	for _, i := range v.reports {
		receipts[i] = t.report(&reports[i])
		t.dirty = t.dirty || receipts[i].Status == v1alpha1.ReportAccepted
	}
	t.dirty = t.dirty || t.end != ended
	late := len(v.renew) > 0 && time.Since(renewed) > u.lease()/6
	if !late && (!t.dirty || u.o.Lazy && t.end == "" && len(t.found) == found) {
		return verdict{status: v1alpha1.ReportAccepted}, nil
	}
	lost, err := u.flush(ctx, v)
	if err != nil || lost == "" {
		return verdict{status: v1alpha1.ReportAccepted}, err
	}
	u.update(func() { t.lost = lost })
	return u.tooLate(ctx, v, reports, receipts, lost)
}

// glance tells what is known of a turn without asking: why it is lost, if the watch or an earlier call has seen that, and when it
// was renewed. Where something is to be written, writing it will tell.
func (u *Upstream) glance(v *visit) (lost string, renewed time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := v.turn
	if h := u.held[v.token.uid]; t.lost == "" && !t.dirty && t.end == "" && h != nil {
		return t.over(h.seen), t.renewed
	}
	return t.lost, t.renewed
}

// refuse gives all reports of a visit the same receipt.
func (u *Upstream) refuse(v *visit, receipts []v1alpha1.Receipt, d verdict) verdict {
	for _, i := range v.reports {
		receipts[i] = v1alpha1.Receipt{Status: d.status, Message: d.message}
	}
	return d
}

// tooLate answers what is said of a turn that is over. What the list's record has already is a duplicate: an earlier write
// may have landed although its answer was lost, and have been merged.
func (u *Upstream) tooLate(ctx context.Context, v *visit, reports []v1alpha1.Report, receipts []v1alpha1.Receipt, why string) (verdict, error) {
	d := verdict{v1alpha1.ReportFenced, why}
	u.forgetList()
	wl, err := u.look(ctx)
	switch {
	case ctx.Err() != nil:
		return d, err
	case err != nil: // the list was deleted, or made anew, or may not be read
		d.message += "; " + err.Error()
		return u.refuse(v, receipts, d), nil
	case v.token.list != wl.UID:
		d.message = fmt.Sprintf("worklist %s was deleted and made anew, and this block is of the old one", wl.Name)
		return u.refuse(v, receipts, d), nil
	case wl.Status.Phase().Over():
		d = verdict{v1alpha1.ReportOver, "the list is over: " + wl.Status.Reason()}
	}
	u.refuse(v, receipts, d)
	rec := wl.Status.Record()
	whole := v.token.whole
	for _, i := range v.reports {
		if !reports[i].Release && covered(&reports[i], whole, &rec.Done, &rec.Failed) {
			receipts[i] = v1alpha1.Receipt{Status: v1alpha1.ReportDuplicate, Message: "it was counted before"}
		}
	}
	if rec.Done.Covers(whole) {
		d = verdict{v1alpha1.ReportDuplicate, "all of the block is done"}
	}
	return d, nil
}

// renewed is a lease with its new deadline.
func (u *Upstream) renewed(v *visit, d verdict) v1alpha1.RenewedLease {
	out := v1alpha1.RenewedLease{Status: d.status, Message: d.message}
	if d.status == v1alpha1.ReportAccepted {
		lease := u.lease()
		u.mu.Lock()
		defer u.mu.Unlock()
		r := v1alpha1.RangeOf(v.token.whole)
		out.Lease = v1alpha1.Lease{Token: v.token.String(), Index: r.Index, Size: r.Size, Attempt: v.turn.attempt, Deadline: v.turn.renewed.Add(lease)}
	}
	return out
}

// flush writes what is said of a turn until it has landed, or cannot land: then it says why. The worker is the only one who
// writes it, so writing it again changes nothing. Where the API server does not take it, what it has not taken before has failed;
// if it does not take that either, the Block is left until its lease runs out.
func (u *Upstream) flush(ctx context.Context, v *visit) (lost string, err error) {
	t, op, rest := v.turn, operation{"update", "blocks/status"}, backoff()
	unsure := false // whether an earlier write has landed
	refusal := ""   // why what is said cannot be written
	for b := u.seen(v.token.uid); ; {
		if b == nil {
			if b, err = u.fresh(ctx, v.token.block, v.token.uid); err != nil {
				get := operation{"get", "blocks"}
				if lost := u.leave(get, v.token.block, err); lost != "" {
					return lost, nil
				}
				if err := u.again(ctx, &rest, get, v.token.block, err); err != nil {
					return "", err
				}
				continue
			}
		}
		if b != nil && refusal == "" && t.landed(b) {
			t.dirty = false
			return "", nil
		}
		lost := goneBlock(v.token.block)
		if b != nil {
			lost = t.over(b)
		}
		if lost != "" {
			return u.landed(ctx, v, unsure, lost)
		}
		next, now := b.DeepCopy(), time.Now()
		if refusal == "" {
			t.write(&next.Status, next.Spec.Worker, now)
		} else {
			lose(&next.Status, refusal, now)
		}
		err := u.call(ctx, op, func(ctx context.Context) error { return u.o.Client.Status().Update(ctx, next) })
		switch {
		case err == nil:
			u.saw(next)
			u.update(func() { t.renewed = now })
			t.dirty = false
			return refusal, nil
		case refused(err) && refusal != "":
			return refusal, nil
		case refused(err):
			refusal = fmt.Sprintf("the API server refuses the status of Block %s: %v", v.token.block, err)
			u.o.Log.Warn("a Block is lost", "error", refusal)
		case apierrors.IsConflict(err), apierrors.IsNotFound(err) && !uninstalled(err):
		default:
			if lost := u.leave(op, v.token.block, err); lost != "" {
				return lost, nil
			}
			unsure = unsure || !apierrors.IsTooManyRequests(err)
			if err := u.again(ctx, &rest, op, v.token.block, err); err != nil {
				return "", err
			}
		}
		b = nil
	}
}

func goneBlock(name string) string {
	return fmt.Sprintf("Block %s is gone, or has gone on without it", name)
}

// seen is the newest version of a Block that is known; nil: none is.
func (u *Upstream) seen(uid types.UID) *v1alpha1.Block {
	u.mu.Lock()
	defer u.mu.Unlock()
	if h := u.held[uid]; h != nil {
		return h.seen
	}
	return nil
}

// landed asks the list's record about a turn that is over: where the answer to its last write was lost, that may have landed and
// been merged at once. lost is why not, if it has not.
func (u *Upstream) landed(ctx context.Context, v *visit, unsure bool, lost string) (string, error) {
	if !unsure || v.turn.end != v1alpha1.BlockDone {
		return lost, nil
	}
	u.forgetList()
	wl, err := u.look(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err == nil && wl.UID == v.token.list && v.turn.merged(wl.Status.Record()) {
		v.turn.dirty = false
		return "", nil
	}
	return lost, nil
}

// fresh is a Block as it is now; nil if there is none of that UID.
func (u *Upstream) fresh(ctx context.Context, name string, uid types.UID) (*v1alpha1.Block, error) {
	b := &v1alpha1.Block{}
	err := u.call(ctx, operation{"get", "blocks"}, func(ctx context.Context) error {
		return u.o.Client.Get(ctx, types.NamespacedName{Namespace: u.o.Namespace, Name: name}, b)
	})
	switch {
	case err != nil && (!apierrors.IsNotFound(err) || uninstalled(err)):
		return nil, err
	case err != nil, b.UID != uid:
		u.gone(uid)
		return nil, nil
	}
	u.saw(b)
	return b, nil
}

// again waits before a call is repeated, unless that is of no use.
func (u *Upstream) again(ctx context.Context, rest *wait.Backoff, op operation, name string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", op, name, ctx.Err())
	}
	if refused(err) {
		return explain(op, u.o.Namespace, name, err)
	}
	u.o.Log.Warn("the API server does not do as asked; trying on", "call", op, "block", name, "error", err)
	return pause(ctx, rest.Step())
}

// backoff is how long calls rest before they are repeated: 0.1 s at first, 5 s at most.
func backoff() wait.Backoff {
	return wait.Backoff{Duration: 100 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 8, Cap: 5 * time.Second}
}
