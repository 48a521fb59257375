package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

type resultsQuery struct {
	ListPath
	Failed bool `query:"failed" doc:"Only rows of failures."`
	Found  bool `query:"found" doc:"Only rows with found values."`
}

type placeQuery struct {
	ListPath
	Index int64  `query:"index" default:"-1" doc:"Index of the item, or give the item itself."`
	Item  string `query:"item" doc:"The item itself, where the list's source can find its index."`
}

func (s *Server) registerResults(api huma.API) {
	tags := []string{"Results"}
	huma.Register(api, huma.Operation{OperationID: "get-results", Method: http.MethodGet, Path: "/v1/worklists/{name}/results", Tags: tags,
		Summary: "Stream the rows of results as JSON lines", Description: "First failures and found values, then what was done; each in the order in which it was counted.",
		Responses: map[string]*huma.Response{"200": {Description: "One Result a line.", Content: map[string]*huma.MediaType{
			"application/jsonl": {Schema: api.OpenAPI().Components.Schemas.Schema(resultType, true, "")}}}}},
		s.streamResults)
	huma.Register(api, huma.Operation{OperationID: "locate-item", Method: http.MethodGet, Path: "/v1/worklists/{name}/place", Tags: tags,
		Summary: "Where is item X, and who did it?"}, s.locate)
}

func (s *Server) streamResults(ctx context.Context, in *resultsQuery) (*huma.StreamResponse, error) {
	l, err := s.store.Lists.Get(ctx, in.Name)
	if err != nil {
		return nil, problem(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/jsonl")
		w := hc.BodyWriter()
		for _, kept := range []bool{true, false} {
			if !kept && (in.Failed || in.Found) {
				continue
			}
			for rows, err := range s.store.Results(hc.Context(), l, kept) {
				if err != nil {
					s.log.Warn("results could not be read to their end", "worklist", in.Name, "error", err)
					panic(http.ErrAbortHandler) // so that the reader sees that the stream is cut
				}
				if in.Failed || in.Found {
					rows = filterRows(rows, in.Failed, in.Found)
				}
				if _, err := w.Write(rows); err != nil {
					return // the reader has gone
				}
			}
		}
	}}, nil
}

// filterRows keeps the lines that are of a failure or of a found value, as asked.
func filterRows(rows []byte, failed, found bool) (out []byte) {
	for line := range bytes.Lines(rows) {
		var r v1alpha1.Result
		if json.Unmarshal(line, &r) == nil && (failed && !r.OK || found && r.Found != "") {
			out = append(out, line...)
		}
	}
	return out
}

// locate answers where an item is from the ledger, and who did it from the rows that are kept.
func (s *Server) locate(ctx context.Context, in *placeQuery) (*struct{ Body v1alpha1.Place }, error) {
	l, wl, err := s.load(ctx, in.Name)
	if err != nil {
		return nil, problem(err)
	}
	p := v1alpha1.Place{Index: in.Index, Item: in.Item}
	if p.Index < 0 {
		if wl.Spec.Items == nil {
			return nil, huma.Error422UnprocessableEntity("index: is missing; this list has no source by which to find an item")
		}
		src, err := wl.Spec.Items.Build(nil)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("item: the server cannot find it: " + err.Error() + "; give its index")
		}
		i, ok, err := items.Index(src, in.Item)
		if err != nil {
			return nil, huma.Error422UnprocessableEntity("item: " + err.Error() + "; give its index")
		}
		if !ok {
			return nil, huma.Error404NotFound("there is no item " + in.Item + " in the list")
		}
		p.Index = i
	}
	if p.Index >= wl.Spec.Size {
		return nil, huma.Error404NotFound(fmt.Sprintf("index %d: the list has items 0 to %d", p.Index, wl.Spec.Size-1))
	}
	var done, over bool // done, or one of done and failed
	k, err := s.mine(ctx, in.Name)
	if err == nil {
		err = k.read(func(time.Time) {
			p.Place, p.Worker = k.ledger.Place(p.Index)
			at := worklist.Range{Start: p.Index, End: p.Index + 1}
			done = k.ledger.Record().Done.Covers(at)
			over = done || k.ledger.Record().Failed.Covers(at)
		})
	}
	if err != nil {
		return nil, problem(err)
	}
	if p.Worker == "" && over {
		if p.Worker, err = s.whoDid(ctx, l, p.Index, done); err != nil {
			return nil, problem(err)
		}
	}
	return &struct{ Body v1alpha1.Place }{p}, nil
}

// whoDid is the worker of the last row about an item that tells of its success, or of its failure; "" if there is none, or
// none any more.
func (s *Server) whoDid(ctx context.Context, l *store.Object, index int64, ok bool) (worker string, err error) {
	for _, kept := range []bool{false, true} { // successes are in both: with a found value they are kept
		for rows, err := range s.store.Results(ctx, l, kept) {
			if err != nil {
				return "", err
			}
			for line := range bytes.Lines(rows) {
				var r v1alpha1.Result
				if json.Unmarshal(line, &r) == nil && r.OK == ok && r.Index <= index && index < r.Index+max(1, r.Size) {
					worker = r.Worker
				}
			}
		}
		if worker != "" {
			break
		}
	}
	return worker, nil
}
