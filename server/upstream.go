package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// Upstream is where a tier gets its blocks from and turns them in: a List server, as *client.Client knows it.
type Upstream interface {
	Get(ctx context.Context, list string) (*v1alpha1.Worklist, error)
	Claim(ctx context.Context, list string, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error)
	Exchange(ctx context.Context, list string, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error)
}

// grant is a block that a tier holds upstream.
type grant struct {
	worklist.Range
	token string // the newest
}

// upstream is the journal of a tier: what its workers have done is durable when the upstream has counted it. It also keeps
// the tier's leases there.
type upstream struct {
	api          Upstream
	list, worker string

	mu   sync.Mutex
	held worklist.Map[*grant] // what of the upstream's blocks has not been turned in
}

func (u *upstream) foldDue() bool { return false } // there is no record to be folded

func (u *upstream) size() int { return 0 }

// admit takes in a block that the upstream handed out.
func (u *upstream) admit(lease v1alpha1.Lease) worklist.Range {
	g := &grant{coreRange(v1alpha1.Range{Index: lease.Index, Size: lease.Size}), lease.Token}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held.Put(g.Range, g)
	return g.Range
}

// write turns in what a commit brings. What the upstream does not count is in the commit's refused.
func (u *upstream) write(ctx context.Context, c *commit) error {
	turned, missing := u.reports(c)
	c.refused = append(c.refused, missing...)
	for len(turned) > 0 {
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: u.worker}}
		n, weight := 0, 0
		for n < len(turned) && n < 1000 && (n == 0 || weight+turned[n].weight < maxExchange/2) {
			weight += turned[n].weight
			req.Reports = append(req.Reports, turned[n].Report)
			n++
		}
		resp, err := u.api.Exchange(ctx, u.list, req)
		if err != nil {
			return fmt.Errorf("turn in upstream: %w", err)
		}
		refused := map[int]v1alpha1.Receipt{}
		for _, rc := range resp.Receipts {
			if rc.Status != v1alpha1.ReportDuplicate { // the first copy of this very report was counted
				refused[rc.I] = rc.Receipt
			}
		}
		for i, t := range turned[:n] {
			if rc, ok := refused[i]; ok {
				c.refused = append(c.refused, loss{t.grant.Range, rc.Message})
				u.forget(t.grant, t.grant.Range)
				continue
			}
			for _, r := range t.Done {
				u.forget(t.grant, coreRange(r))
			}
			for _, f := range t.Failed {
				u.forget(t.grant, coreRange(f.Range))
			}
		}
		turned = turned[n:]
	}
	return nil
}

// forget drops what was turned in of a grant, or all of it if it is lost. What another grant has of the range stays.
func (u *upstream) forget(g *grant, r worklist.Range) {
	u.mu.Lock()
	defer u.mu.Unlock()
	var parts []worklist.Range
	for part, holder := range u.held.Within(r) {
		if holder == g {
			parts = append(parts, part)
		}
	}
	for _, part := range parts {
		u.held.Delete(part)
	}
}

// turnedIn is a report on a grant.
type turnedIn struct {
	v1alpha1.Report
	grant  *grant
	weight int // bytes, about
}

// reports are what a commit has to say of each grant, each small enough for one call; and what belongs to none, because
// the upstream has taken it away meanwhile.
func (u *upstream) reports(c *commit) (out []turnedIn, missing []loss) {
	u.mu.Lock()
	defer u.mu.Unlock()
	rows := readRows(c)
	touched := map[*grant]bool{}
	note := func(r worklist.Range) {
		for _, g := range u.held.Within(r) {
			touched[g] = true
		}
		for gap := range u.held.Gaps(r) {
			missing = append(missing, loss{gap, "the upstream took the block from this tier"})
		}
	}
	for r := range c.delta.Done.All() {
		note(r)
	}
	for r := range c.delta.Failed.All() {
		note(r)
	}
	for g := range touched {
		out = append(out, u.report(g, g.Range, c, rows)...)
	}
	return out, missing
}

// report is what there is to say of a part of a grant, in halves where it is too much for one call.
func (u *upstream) report(g *grant, part worklist.Range, c *commit, rows []v1alpha1.Result) []turnedIn {
	t := turnedIn{Report: v1alpha1.Report{Token: g.token}, grant: g, weight: 100}
	for r := range c.delta.Done.Within(part) {
		t.Done = append(t.Done, apiRange(r))
		t.weight += 40
	}
	for r, f := range c.delta.Failed.Within(part) {
		// This tier has tried as often as the list wants.
		t.Failed = append(t.Failed, v1alpha1.FailedItems{Range: apiRange(r), Reason: f.Reason, Final: true})
		t.weight += 60 + 2*len(f.Reason)
	}
	if len(t.Done)+len(t.Failed) == 0 {
		return nil
	}
	first, _ := slices.BinarySearchFunc(rows, part.Start, func(r v1alpha1.Result, at int64) int { return int(min(1, max(-1, r.Index+r.Size-1-at))) })
	for _, r := range rows[first:] {
		if r.Index >= part.End {
			break
		}
		at := worklist.Range{Start: r.Index, End: r.Index + r.Size}.Intersect(part)
		r.Index, r.Size = at.Start, at.Size()
		if r.Found != "" {
			t.Found = append(t.Found, v1alpha1.Found{Index: r.Index, Value: r.Found, Worker: r.Worker})
		} else {
			r.By = r.Worker
			t.Results = append(t.Results, r.ItemResult)
		}
		t.weight += 200 + 2*(len(r.Reason)+len(r.Found)+len(r.Output))
	}
	if t.weight < maxExchange/4 || part.Size() == 1 {
		return []turnedIn{t}
	}
	half := part.Start + part.Size()/2
	return append(u.report(g, worklist.Range{Start: part.Start, End: half}, c, rows), u.report(g, worklist.Range{Start: half, End: part.End}, c, rows)...)
}

// readRows are the rows of a commit by index.
func readRows(c *commit) (out []v1alpha1.Result) {
	for _, rows := range c.rows {
		for line := range bytes.Lines(rows.Data) {
			var r v1alpha1.Result
			if json.Unmarshal(line, &r) == nil {
				r.Size = max(1, r.Size)
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b v1alpha1.Result) int { return int(min(1, max(-1, a.Index-b.Index))) })
	return out
}

// grants are the blocks that are held upstream, not wholly turned in.
func (u *upstream) grants() (out []*grant) {
	u.mu.Lock()
	defer u.mu.Unlock()
	seen := map[*grant]bool{}
	for _, g := range u.held.All() {
		if !seen[g] {
			seen[g] = true
			out = append(out, g)
		}
	}
	return out
}

// renew renews all leases, and returns what is lost.
func (u *upstream) renew(ctx context.Context) (lost []loss, err error) {
	grants := u.grants()
	if len(grants) == 0 {
		return nil, nil
	}
	req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: u.worker}}
	u.mu.Lock()
	for _, g := range grants {
		req.Renew = append(req.Renew, g.token)
	}
	u.mu.Unlock()
	resp, err := u.api.Exchange(ctx, u.list, req)
	if err != nil {
		return nil, fmt.Errorf("renew the leases upstream: %w", err)
	}
	for i, r := range resp.Renewed {
		if i >= len(grants) {
			break
		}
		switch g := grants[i]; r.Status {
		case v1alpha1.ReportAccepted:
			u.mu.Lock()
			g.token = r.Token
			u.mu.Unlock()
		case v1alpha1.ReportDuplicate: // all of it was turned in meanwhile
		default:
			u.forget(g, g.Range)
			lost = append(lost, loss{g.Range, r.Message})
		}
	}
	return lost, nil
}

// release gives everything back that was not turned in.
func (u *upstream) release(ctx context.Context) error {
	grants := u.grants()
	if len(grants) == 0 {
		return nil
	}
	req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: u.worker}}
	for _, g := range grants {
		req.Reports = append(req.Reports, v1alpha1.Report{Token: g.token, Release: true})
		u.forget(g, g.Range)
	}
	if _, err := u.api.Exchange(ctx, u.list, req); err != nil {
		return fmt.Errorf("give back upstream: %w", err)
	}
	return nil
}
