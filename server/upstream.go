package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

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
	token string // the newest; belongs to whose turn it is
	since time.Time
}

// maxReports bounds the reports, and the renewals, of one exchange.
const maxReports = 1000

// upstream is the journal of a tier: what its workers have done is durable when the upstream has counted it. It also keeps
// the tier's leases there.
type upstream struct {
	api          Upstream
	list, worker string

	// turn holds a token while an exchange is under way: a renewal may bring a lease a new token, and what is turned in
	// under the old one at the same time would be refused.
	turn chan struct{}

	mu   sync.Mutex
	held worklist.Map[*grant] // what of the upstream's blocks has not been turned in
	took time.Duration        // from claim to end, of the last block that was turned in whole; 0: none was
}

func newUpstream(api Upstream, list, worker string) *upstream {
	return &upstream{api: api, list: list, worker: worker, turn: make(chan struct{}, 1)}
}

// begin waits until no other exchange is under way; end is to follow.
func (u *upstream) begin(ctx context.Context) error {
	select {
	case u.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (u *upstream) end() { <-u.turn }

// without is what of a range is not held.
func (u *upstream) without(r worklist.Range) []worklist.Range {
	u.mu.Lock()
	defer u.mu.Unlock()
	return slices.Collect(u.held.Gaps(r))
}

func (u *upstream) foldDue() bool { return false } // there is no record to be folded

func (u *upstream) size() int { return 0 }

// admit takes in a block that the upstream handed out.
func (u *upstream) admit(lease v1alpha1.Lease) worklist.Range {
	g := &grant{v1alpha1.Range{Index: lease.Index, Size: lease.Size}.Core(), lease.Token, time.Now()}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held.Put(g.Range, g)
	return g.Range
}

// write turns in what a commit brings. What the upstream does not count is in the commit's refused.
func (u *upstream) write(ctx context.Context, c *commit) error {
	if err := u.begin(ctx); err != nil {
		return fmt.Errorf("turn in upstream: %w", err)
	}
	defer u.end()
	turned, missing := u.reports(c)
	c.refused = append(c.refused, missing...)
	for len(turned) > 0 {
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: u.worker}}
		n, weight := 0, 0
		for n < len(turned) && n < maxReports && (n == 0 || weight+turned[n].weight < maxExchange/2) {
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
				c.refused = append(c.refused, loss{t.grant.Range, worklist.Verdict(rc.Status), rc.Message})
				u.forget(t.grant, t.grant.Range)
				continue
			}
			for _, r := range t.Done {
				u.forget(t.grant, r.Core())
			}
			for _, f := range t.Failed {
				u.forget(t.grant, f.Range.Core())
			}
			u.ended(t.grant)
		}
		turned = turned[n:]
	}
	return nil
}

// ended notes how long a grant took, if all of it is turned in.
func (u *upstream) ended(g *grant) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for range u.heldBy(g, g.Range) {
		return
	}
	u.took = time.Since(g.since)
}

// brisk tells whether blocks are done so soon that fetching one takes a good part of the time.
func (u *upstream) brisk() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.took > 0 && u.took < restock/2
}

// forget drops what was turned in of a grant, or all of it if it is lost. What another grant has of the range stays.
func (u *upstream) forget(g *grant, r worklist.Range) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, part := range slices.Collect(u.heldBy(g, r)) {
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
			missing = append(missing, loss{gap, worklist.Fenced, "the upstream took the block from this tier and handed it to another"})
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
func (u *upstream) report(g *grant, part worklist.Range, c *commit, rows []row) []turnedIn {
	t := turnedIn{Report: v1alpha1.Report{Token: g.token}, grant: g, weight: 100}
	for r := range c.delta.Done.Within(part) {
		for r := range u.heldBy(g, r) {
			t.Done = append(t.Done, v1alpha1.RangeOf(r))
			t.weight += 50
		}
	}
	for r, f := range c.delta.Failed.Within(part) {
		for r := range u.heldBy(g, r) {
			// This tier has tried as often as the list wants.
			t.Failed = append(t.Failed, v1alpha1.FailedItems{Range: v1alpha1.RangeOf(r), Reason: f.Reason, Final: true, Attempts: int32(f.Attempts)})
			t.weight += 100 + 6*len(f.Reason)
		}
	}
	if len(t.Done)+len(t.Failed) == 0 {
		return nil
	}
	for _, x := range c.took {
		if holder, ok := u.held.Get(x.index); ok && holder == g && x.index >= part.Start && x.index < part.End {
			t.ElapsedSeconds += x.seconds
		}
	}
	var within []row
	cut := part.Start + part.Size()/2
	for _, r := range rows {
		at := r.at.Intersect(part)
		if at.Size() == 0 {
			continue
		}
		within = append(within, r)
		r.Index, r.Size = at.Start, at.Size()
		if r.Found != "" {
			t.Found = append(t.Found, v1alpha1.Found{Index: r.Index, Value: r.Found, Worker: r.Worker})
		} else {
			r.By = r.Worker
			t.Results = append(t.Results, r.ItemResult)
		}
		t.weight += 50 + r.weight
		if r.Output != "" && at.Start < cut && cut < at.End { // an output stays in one piece
			if cut = at.Start; cut == part.Start {
				cut = at.End
			}
		}
	}
	if t.weight < maxExchange/4 || part.Size() == 1 || cut == part.End {
		return []turnedIn{t}
	}
	return append(u.report(g, worklist.Range{Start: part.Start, End: cut}, c, within), u.report(g, worklist.Range{Start: cut, End: part.End}, c, within)...)
}

// heldBy yields the parts of a range that are held under a grant.
func (u *upstream) heldBy(g *grant, r worklist.Range) iter.Seq[worklist.Range] {
	return func(yield func(worklist.Range) bool) {
		for part, holder := range u.held.Within(r) {
			if holder == g && !yield(part) {
				return
			}
		}
	}
}

// row is a row of results on its way upstream.
type row struct {
	v1alpha1.Result
	at     worklist.Range
	weight int // bytes as JSON
}

// readRows are the rows of a commit by index.
func readRows(c *commit) (out []row) {
	for _, rows := range c.rows {
		for line := range bytes.Lines(rows.Data) {
			r := row{weight: len(line)}
			if json.Unmarshal(line, &r.Result) == nil {
				r.at = worklist.Range{Start: r.Index, End: r.Index + max(1, r.Size)}
				out = append(out, r)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b row) int { return cmp.Compare(a.Index, b.Index) })
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

// renew renews all leases, and returns what is lost, and whether the list has ended.
func (u *upstream) renew(ctx context.Context) (lost []loss, over bool, err error) {
	if err := u.begin(ctx); err != nil {
		return nil, false, fmt.Errorf("renew the leases upstream: %w", err)
	}
	defer u.end()
	for grants := range slices.Chunk(u.grants(), maxReports) {
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: u.worker}}
		for _, g := range grants {
			req.Renew = append(req.Renew, g.token)
		}
		resp, err := u.api.Exchange(ctx, u.list, req)
		if err != nil {
			return lost, over, fmt.Errorf("renew the leases upstream: %w", err)
		}
		for i, r := range resp.Renewed[:min(len(grants), len(resp.Renewed))] {
			switch g := grants[i]; r.Status {
			case v1alpha1.ReportAccepted:
				g.token = r.Token
			case v1alpha1.ReportDuplicate: // others have done it
			case v1alpha1.ReportOver:
				over = true
			default:
				u.forget(g, g.Range)
				lost = append(lost, loss{g.Range, worklist.Verdict(r.Status), r.Message})
			}
		}
	}
	return lost, over, nil
}

// release gives everything back that was not turned in.
func (u *upstream) release(ctx context.Context) error {
	if err := u.begin(ctx); err != nil {
		return fmt.Errorf("give back upstream: %w", err)
	}
	defer u.end()
	for grants := range slices.Chunk(u.grants(), maxReports) {
		req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: u.worker}}
		for _, g := range grants {
			req.Reports = append(req.Reports, v1alpha1.Report{Token: g.token, Release: true})
			u.forget(g, g.Range)
		}
		if _, err := u.api.Exchange(ctx, u.list, req); err != nil {
			return fmt.Errorf("give back upstream: %w", err)
		}
	}
	return nil
}
