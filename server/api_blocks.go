package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// maxExchange bounds the body of an exchange. It has to fit into one write to the store.
const maxExchange = 1 << 20

// reported is a single report.
type reported struct {
	ListPath
	Body struct {
		Worker string `json:"worker" minLength:"1" maxLength:"253"`
		v1alpha1.Report
	}
}

type failed struct {
	ListPath
	Body struct {
		Worker string `json:"worker" minLength:"1" maxLength:"253"`
		Token  string `json:"token"`
		Reason string `json:"reason,omitempty" maxLength:"1024"`
		Final  bool   `json:"final,omitempty" doc:"Give up at once."`
	}
}

type released struct {
	ListPath
	Body struct {
		Worker string `json:"worker" minLength:"1" maxLength:"253"`
		Token  string `json:"token"`
	}
}

type receiptBody struct{ Body v1alpha1.Receipt }

type exchangeBody struct {
	ListPath
	RawBody []byte `contentType:"application/json"`
}

// lists is where the calls about blocks find a list: a List server, or a tier.
type lists interface {
	// mine is the keeper of a list.
	mine(ctx context.Context, name string) (*keeper, error)
	// keepers are those of all lists.
	keepers() []*keeper
	// others are lists that others hand out, for workers that serve all.
	others(context.Context) []candidate
	// next is closed when there are other lists, or they stand differently.
	next() <-chan struct{}
}

// blockCalls are the calls about the blocks of lists.
type blockCalls struct{ lists }

func registerBlocks(api huma.API, l lists) {
	s := blockCalls{l}
	const base = "/v1/worklists/{name}/blocks"
	tags := []string{"Blocks"}
	huma.Register(api, huma.Operation{OperationID: "list-blocks", Method: http.MethodGet, Path: base, Tags: tags,
		Summary: "List the blocks that are out or wait to go out again"}, s.listBlocks)
	huma.Register(api, huma.Operation{OperationID: "claim-blocks", Method: http.MethodPost, Path: base + "/claim", Tags: tags,
		Summary: "Take blocks", Description: "Where there is none, the answer says why; with `wait` it waits for one."},
		func(ctx context.Context, in *struct {
			ListPath
			Body v1alpha1.ClaimRequest
		}) (*struct{ Body *v1alpha1.ClaimResponse }, error) {
			k, err := s.mine(ctx, in.Name)
			if err != nil {
				return nil, problem(err)
			}
			resp, err := k.claim(ctx, &in.Body)
			return &struct{ Body *v1alpha1.ClaimResponse }{resp}, problem(err)
		})
	huma.Register(api, huma.Operation{OperationID: "renew-blocks", Method: http.MethodPost, Path: base + "/renew", Tags: tags,
		Summary: "Renew leases (the heartbeat)"},
		func(ctx context.Context, in *struct {
			ListPath
			Body v1alpha1.RenewRequest
		}) (*struct{ Body v1alpha1.RenewResponse }, error) {
			resp, err := s.exchange(ctx, in.Name, &v1alpha1.ExchangeRequest{
				ClaimRequest: v1alpha1.ClaimRequest{Worker: in.Body.Worker}, Renew: in.Body.Tokens})
			if err != nil {
				return nil, problem(err)
			}
			return &struct{ Body v1alpha1.RenewResponse }{v1alpha1.RenewResponse{Leases: resp.Renewed}}, nil
		})
	huma.Register(api, huma.Operation{OperationID: "complete-block", Method: http.MethodPost, Path: base + "/complete", Tags: tags,
		Summary: "Report a block done, or a part of it"},
		func(ctx context.Context, in *reported) (*receiptBody, error) {
			return s.report(ctx, in.Name, in.Body.Worker, in.Body.Report)
		})
	huma.Register(api, huma.Operation{OperationID: "fail-block", Method: http.MethodPost, Path: base + "/fail", Tags: tags,
		Summary: "Report that what is left of a block failed"},
		func(ctx context.Context, in *failed) (*receiptBody, error) {
			k, err := s.mine(ctx, in.Name)
			if err != nil {
				return nil, problem(err)
			}
			t := k.check(in.Body.Token, in.Body.Worker)
			if t.err != nil {
				return nil, huma.Error422UnprocessableEntity(t.problem())
			}
			return s.report(ctx, in.Name, in.Body.Worker, v1alpha1.Report{Token: in.Body.Token,
				Failed: []v1alpha1.FailedItems{{Range: v1alpha1.RangeOf(t.Range), Reason: in.Body.Reason, Final: in.Body.Final}}})
		})
	huma.Register(api, huma.Operation{OperationID: "release-block", Method: http.MethodPost, Path: base + "/release", Tags: tags,
		Summary: "Give back what is left of a block"},
		func(ctx context.Context, in *released) (*receiptBody, error) {
			return s.report(ctx, in.Name, in.Body.Worker, v1alpha1.Report{Token: in.Body.Token, Release: true})
		})

	// The hot path: the body is read here, strictly, instead of twice by huma; its schema is declared all the same.
	huma.Register(api, huma.Operation{OperationID: "exchange-blocks", Method: http.MethodPost, Path: base + "/exchange", Tags: tags,
		Summary: "Turn in finished blocks, renew others and take the next, in one round trip", MaxBodyBytes: maxExchange, SkipValidateBody: true,
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {
			Schema: api.OpenAPI().Components.Schemas.Schema(exchangeType, true, "")}}}},
		func(ctx context.Context, in *exchangeBody) (*struct{ Body *v1alpha1.ExchangeResponse }, error) {
			var req v1alpha1.ExchangeRequest
			if err := decodeStrict(in.RawBody, &req); err != nil {
				return nil, huma.Error422UnprocessableEntity("the exchange is not valid: " + err.Error())
			}
			if err := checkExchange(&req); err != nil {
				return nil, huma.Error422UnprocessableEntity("the exchange is not valid: " + err.Error())
			}
			resp, err := s.exchange(ctx, in.Name, &req)
			return &struct{ Body *v1alpha1.ExchangeResponse }{resp}, problem(err)
		})
}

func (s blockCalls) exchange(ctx context.Context, name string, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error) {
	k, err := s.mine(ctx, name)
	if err != nil {
		return nil, err
	}
	return k.exchange(ctx, req)
}

// report is an exchange of one report. What is refused is an error here, with the receipt's words.
func (s blockCalls) report(ctx context.Context, name, worker string, r v1alpha1.Report) (*receiptBody, error) {
	resp, err := s.exchange(ctx, name, &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: worker}, Reports: []v1alpha1.Report{r}})
	if err != nil {
		return nil, problem(err)
	}
	rc := v1alpha1.Receipt{Status: v1alpha1.ReportAccepted, Items: resp.Items}
	if len(resp.Receipts) > 0 {
		rc = resp.Receipts[0].Receipt
	}
	switch rc.Status {
	case v1alpha1.ReportFenced, v1alpha1.ReportOver:
		return nil, huma.Error409Conflict(rc.Message)
	case v1alpha1.ReportInvalid:
		return nil, huma.Error422UnprocessableEntity(rc.Message)
	}
	return &receiptBody{rc}, nil
}

// check opens one token.
func (k *keeper) check(text, worker string) opened {
	s := k.sealers.Get().(*worklist.Sealer)
	defer k.sealers.Put(s)
	t, err := s.Open(text, worker)
	return opened{t, err}
}

// checkExchange holds an exchange to what the schema says, since huma does not look at it.
func checkExchange(req *v1alpha1.ExchangeRequest) error {
	const most = 10_000
	switch {
	case req.Worker == "" || len(req.Worker) > 253:
		return fmt.Errorf("worker: %q must have 1 to 253 characters", req.Worker)
	case len(req.Request) > 64:
		return fmt.Errorf("request: must have at most 64 characters")
	case req.Blocks < 0 || req.Blocks > most:
		return fmt.Errorf("blocks: %d must be 0 to %d", req.Blocks, most)
	case req.Bulk < 0:
		return fmt.Errorf("bulk: %d must be 0 or above", req.Bulk)
	case req.MaxSize < 0:
		return fmt.Errorf("maxSize: %d must be 0 or above", req.MaxSize)
	case len(req.Complete) > most || len(req.Reports) > most || len(req.Renew) > most:
		return fmt.Errorf("complete, reports and renew: at most %d each", most)
	}
	for i := range req.Reports {
		for _, f := range req.Reports[i].Failed {
			if len(f.Reason) > 1024 {
				return fmt.Errorf("reports[%d].failed: a reason has at most 1024 bytes", i)
			}
		}
		for _, f := range req.Reports[i].Found {
			if len(f.Value) > 4096 {
				return fmt.Errorf("reports[%d].found: a value has at most 4096 bytes", i)
			}
		}
	}
	return nil
}

// decodeStrict reads one JSON value and refuses unknown fields and anything behind it.
func decodeStrict(b []byte, v any) error {
	if err := v1alpha1.CheckQuantities(b, v); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return v1alpha1.WrongValue(b, v, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("there is something behind the JSON value")
	}
	return nil
}

type blockPage struct {
	ListPath
	Limit    int   `query:"limit" default:"500" minimum:"1" maximum:"10000" doc:"Most blocks of a page."`
	Continue int64 `query:"continue" minimum:"0" doc:"From the page before: where to go on."`
}

func (s blockCalls) listBlocks(ctx context.Context, in *blockPage) (*struct{ Body v1alpha1.BlockList }, error) {
	k, err := s.mine(ctx, in.Name)
	if err != nil {
		return nil, problem(err)
	}
	var blocks []worklist.Block
	if err := k.read(func(time.Time) { blocks = k.ledger.Blocks() }); err != nil {
		return nil, problem(err)
	}
	out := &struct{ Body v1alpha1.BlockList }{}
	out.Body.TypeMeta = metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BlockKind + "List"}
	out.Body.Items = []v1alpha1.Block{}
	for _, b := range blocks {
		if b.Range.Start < in.Continue {
			continue
		}
		if len(out.Body.Items) == in.Limit {
			out.Body.Continue = fmt.Sprint(b.Range.Start)
			break
		}
		out.Body.Items = append(out.Body.Items, apiBlock(k.name, b))
	}
	return out, nil
}

func apiBlock(list string, b worklist.Block) v1alpha1.Block {
	x := v1alpha1.Block{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BlockKind},
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", list, b.Range.Start)},
		Spec:       v1alpha1.BlockSpec{Worklist: list, Worker: b.Worker},
		Status: v1alpha1.BlockStatus{Index: new(b.Range.Start), Size: new(b.Range.Size()), Done: b.Done,
			Restarts: int32(max(0, b.Attempt-1))}}
	x.Status.SetPhase(v1alpha1.BlockPhase(b.State), b.Reason, metav1.Now())
	if !b.Deadline.IsZero() {
		x.Status.Deadline = &metav1.Time{Time: b.Deadline.UTC()}
	}
	return x
}
