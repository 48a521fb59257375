package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// lookAgain is how often a claim from any list looks whether one has a block, when nothing told it to.
const lookAgain = 500 * time.Millisecond

func registerAny(api huma.API, l lists) {
	huma.Register(api, huma.Operation{OperationID: "claim-any", Method: http.MethodPost, Path: "/v1/claim", Tags: []string{"Blocks"},
		Summary: "Take blocks of whichever list comes first", Description: "By priority and weight, among all lists. The answer names the list."},
		func(ctx context.Context, in *struct{ Body v1alpha1.ClaimRequest }) (*struct{ Body *v1alpha1.ClaimResponse }, error) {
			resp, err := claimAny(ctx, l, in.Body)
			return &struct{ Body *v1alpha1.ClaimResponse }{resp}, problem(err)
		})
}

// claimAny hands out blocks of the first list in order that has any, waiting for one if the request says so.
func claimAny(ctx context.Context, l lists, req v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
	var wait time.Duration
	if req.Wait != nil {
		wait = min(req.Wait.Duration, maxWait)
		req.Wait = nil
	}
	enough := time.NewTimer(wait)
	defer enough.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for {
		changed := l.next()
		for _, c := range inOrder(ctx, l) {
			resp, err := c.claim(ctx, &req)
			if err == nil && len(resp.Leases) > 0 {
				resp.Worklist = c.Name
				return resp, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-enough.C:
			return &v1alpha1.ClaimResponse{Leases: []v1alpha1.Lease{}, None: v1alpha1.NoneAllOut, Message: "no list has a block to hand out"}, nil
		case <-changed:
		case <-again.C:
		}
	}
}

// inOrder are the lists that go on, as a worker that serves all of them is to be served.
func inOrder(ctx context.Context, l lists) []candidate {
	all := l.others(ctx)
	for _, k := range l.keepers() {
		k.read(func(now time.Time) {
			if st := k.ledger.Status(now); st.Phase == worklist.Active {
				all = append(all, candidate{
					worklist.Candidate{Name: k.name, Priority: int(k.spec.Priority), Weight: int(k.spec.Weight), Out: st.Blocks}, k.claim})
			}
		})
	}
	slices.SortFunc(all, func(a, b candidate) int { return a.Compare(b.Candidate) })
	return all
}
