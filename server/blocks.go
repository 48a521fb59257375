package server

import (
	"context"
	"slices"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// maxWait bounds how long a claim may wait for a block: shorter than the idle time-outs of common proxies.
const maxWait = 60 * time.Second

// claim hands out blocks, waiting for one where there is none and the request says so.
func (k *keeper) claim(ctx context.Context, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
	if err := k.bound(req.Command); err != nil {
		return nil, err
	}
	c := coreClaim(req)
	if err := k.lock(); err != nil {
		return nil, err
	}
	g := k.ledger.Claim(time.Now(), c)
	a := answered{grant: g, batch: k.batch}
	var w *waiter
	if len(g.Leases) == 0 && g.None != worklist.NoneOver && req.Wait != nil && req.Wait.Duration > 0 {
		w = k.waiting.add(c)
	}
	news := k.ledger.News()
	k.lookAtStock()
	k.mu.Unlock()
	if news || g.Durable || w != nil {
		k.touch()
	}
	if w != nil {
		a = k.wait(ctx, w, min(req.Wait.Duration, maxWait), a)
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.grant.Durable {
		if err := a.batch.durable(ctx); err != nil {
			return nil, err
		}
	}
	return k.granted(a.grant), nil
}

// granted is a grant as it goes to the worker.
func (k *keeper) granted(g worklist.Grant) *v1alpha1.ClaimResponse {
	k.leases.Add(float64(len(g.Leases)))
	resp := &v1alpha1.ClaimResponse{Leases: k.sealed(g.Leases), None: v1alpha1.NoneReason(g.None), Message: g.Message,
		LeaseSeconds: g.Lease.Seconds(), Unclaimed: g.Unclaimed}
	if !g.Retry.IsZero() {
		resp.RetryAfterSeconds = max(0.001, time.Until(g.Retry).Seconds())
	}
	return resp
}

// wait waits for a waiting claim's answer. When the time is up it is the one there was before.
func (k *keeper) wait(ctx context.Context, w *waiter, d time.Duration, before answered) answered {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case a := <-w.answer:
		return a
	case <-timer.C:
	case <-ctx.Done():
		before.err = ctx.Err()
	}
	k.mu.Lock()
	k.waiting.remove(w)
	k.mu.Unlock()
	select { // it may have been served at the last moment
	case a := <-w.answer:
		if before.err == nil {
			return a
		}
		k.unclaim(a.grant.Leases)
	default:
	}
	return before
}

// unclaim gives back blocks for a worker that does not wait for the answer any more.
func (k *keeper) unclaim(leases []worklist.Lease) {
	k.change(context.Background(), func(now time.Time, _ *batch) bool {
		for _, x := range leases {
			k.ledger.Report(now, x.Token(), worklist.Report{Release: true})
		}
		return false
	})
}

// exchange turns in reports, renews leases and takes blocks, in one change of the ledger and one commit.
func (k *keeper) exchange(ctx context.Context, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error) {
	if err := k.bound(req.Command); err != nil {
		return nil, err
	}
	complete, reports, renew := k.open(req)
	resp := &v1alpha1.ExchangeResponse{}
	receipts := make([]worklist.Receipt, 0, len(complete)+len(reports))
	var grant worklist.Grant
	var renewed []worklist.Renewal
	var in *batch
	err := k.change(ctx, func(now time.Time, b *batch) bool {
		in = b
		durable := len(complete)+len(reports) > 0
		for _, t := range complete {
			rc := worklist.Receipt{Verdict: worklist.Invalid, Message: t.problem()}
			if t.err == nil {
				rc = k.ledger.Report(now, t.Token, worklist.Report{})
				b.rows.blocks(now, k.spec.Results.Keep, t.Token, rc)
			}
			receipts = append(receipts, rc)
		}
		for i, t := range reports {
			rc := worklist.Receipt{Verdict: worklist.Invalid, Message: t.problem()}
			if t.err == nil {
				rc = k.ledger.Report(now, t.Token, coreReport(&req.Reports[i]))
				b.rows.report(now, k.spec.Results, t.Token, &req.Reports[i], rc)
				if k.low != nil && len(rc.Done) > 0 {
					b.took = append(b.took, took{rc.Done[0].Start, req.Reports[i].ElapsedSeconds})
				}
			}
			receipts = append(receipts, rc)
		}
		for _, t := range renew {
			r := worklist.Renewal{Verdict: worklist.Invalid, Message: t.problem()}
			if t.err == nil {
				r = k.ledger.Renew(now, t.Token)
			}
			durable = durable || r.Durable
			renewed = append(renewed, r)
		}
		if req.Blocks > 0 {
			grant = k.ledger.Claim(now, coreClaim(&req.ClaimRequest))
		}
		return durable || grant.Durable
	})
	if err != nil {
		return nil, err
	}
	for i, rc := range receipts {
		if i < len(complete) {
			rc = in.refuse(complete[i], rc)
		} else {
			rc = in.refuse(reports[i-len(complete)], rc)
		}
		resp.Items += rc.Items()
		if rc.Verdict == worklist.Accepted {
			resp.Accepted++
			continue
		}
		resp.Receipts = append(resp.Receipts, v1alpha1.IndexedReceipt{I: i, Receipt: receipt(rc)})
		k.reports.WithLabelValues(string(rc.Verdict)).Inc()
	}
	k.reports.WithLabelValues(string(worklist.Accepted)).Add(float64(resp.Accepted))
	for _, r := range renewed {
		resp.Renewed = append(resp.Renewed, k.renewal(r))
	}
	resp.ClaimResponse = *k.granted(grant)
	if req.Blocks > 0 && len(grant.Leases) == 0 && req.Wait != nil && grant.None != worklist.NoneOver {
		c, err := k.claim(ctx, &req.ClaimRequest)
		if err != nil {
			return nil, err
		}
		resp.ClaimResponse = *c
	}
	return resp, nil
}

// refuse makes a receipt of a batch a refusal where what it speaks of was lost to a tier before it was durable.
func (b *batch) refuse(t opened, rc worklist.Receipt) worklist.Receipt {
	if t.err != nil {
		return rc
	}
	for _, r := range b.refusals {
		if r.Hits(t.Token) {
			return r.Receipt
		}
	}
	return rc
}

// opened is a token that was checked.
type opened struct {
	worklist.Token
	err error
}

func (o opened) problem() string {
	if o.err == nil {
		return ""
	}
	return o.err.Error()
}

// open checks all tokens of an exchange, outside the lock.
func (k *keeper) open(req *v1alpha1.ExchangeRequest) (complete, reports, renew []opened) {
	s := k.sealers.Get().(*worklist.Sealer)
	defer k.sealers.Put(s)
	check := func(text string) opened {
		t, err := s.Open(text, req.Worker)
		return opened{t, err}
	}
	complete = make([]opened, len(req.Complete))
	for i, text := range req.Complete {
		complete[i] = check(text)
	}
	for i := range req.Reports {
		reports = append(reports, check(req.Reports[i].Token))
	}
	for _, text := range req.Renew {
		renew = append(renew, check(text))
	}
	return complete, reports, renew
}

func (k *keeper) renewal(r worklist.Renewal) v1alpha1.RenewedLease {
	out := v1alpha1.RenewedLease{Status: v1alpha1.ReportStatus(r.Verdict), Message: r.Message}
	if r.Verdict == worklist.Accepted {
		out.Lease = k.sealed([]worklist.Lease{r.Lease})[0]
	}
	return out
}

// bound refuses a worker whose command is not the one the list is bound to.
func (k *keeper) bound(command []string) error {
	if len(k.command) > 0 && len(command) > 0 && !slices.Equal(k.command, command) {
		return &otherCommand{list: k.name, bound: k.command, given: command}
	}
	return nil
}

func receipt(rc worklist.Receipt) v1alpha1.Receipt {
	return v1alpha1.Receipt{Status: v1alpha1.ReportStatus(rc.Verdict), Message: rc.Message, Items: rc.Items()}
}

func coreClaim(r *v1alpha1.ClaimRequest) worklist.Claim {
	return worklist.Claim{Worker: r.Worker, Request: r.Request, Blocks: max(1, r.Blocks), MaxSize: r.MaxSize, Bulk: r.Bulk}
}

func coreReport(r *v1alpha1.Report) worklist.Report {
	out := worklist.Report{Release: r.Release, Elapsed: time.Duration(r.ElapsedSeconds * float64(time.Second))}
	for _, d := range r.Done {
		out.Done = append(out.Done, d.Core())
	}
	for _, f := range r.Failed {
		out.Failed = append(out.Failed, worklist.FailedRange{Range: f.Range.Core(), Reason: f.Reason, Final: f.Final, Attempts: int(f.Attempts)})
	}
	for _, f := range r.Found {
		out.Found = append(out.Found, worklist.Found{Index: f.Index, Value: f.Value, Worker: f.Worker})
	}
	return out
}
