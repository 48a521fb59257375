package kube

import (
	"context"
	"fmt"
	"time"

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
