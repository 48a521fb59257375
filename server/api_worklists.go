package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/store"
)

// ListPath is the list a call is about.
type ListPath struct {
	Name string `path:"name" doc:"Name of the worklist." maxLength:"253"`
}

type worklistBody struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of the manifest, for If-Match."`
	Body   *v1alpha1.Worklist
}

func answerWith(status int, wl *v1alpha1.Worklist) *worklistBody {
	return &worklistBody{status, `"` + wl.ResourceVersion + `"`, wl}
}

// IfMatch is the version that a change is to be made to.
type IfMatch struct {
	Version string `header:"If-Match" doc:"Change the list only if its ETag is this one."`
}

// version is the one that header or manifest give; "" if neither does.
func (m IfMatch) version(inBody string) string {
	if v := strings.Trim(m.Version, `"`); v != "" && v != "*" {
		return v
	}
	return inBody
}

type worklistPage struct {
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Most worklists of a page."`
	Continue string `query:"continue" doc:"From the page before: where to go on."`

	Forwarded string `header:"Teamtask-Forwarded" hidden:"true"` // another server asks, for what this one owns
}

// A patch may be as large as what it changes, and take as long to come: huma's own limits, which it has only for bodies that it parses itself.
const (
	mostPatch = 1 << 20
	patchTime = 5 * time.Second
)

// specPatch is a merge patch (RFC 7396).
type specPatch struct {
	ListPath
	IfMatch
	RawBody []byte `contentType:"application/merge-patch+json" doc:"Merge patch (RFC 7396) of a worklist, such as {\"spec\":{\"suspend\":true}}."`
}

type counted struct {
	Body struct {
		Items int64 `json:"items" doc:"How many items go out again."`
	}
}

func (s *Server) registerWorklists(api huma.API) {
	const one = "/v1/worklists/{name}"
	tags := []string{"Worklists"}
	huma.Register(api, huma.Operation{OperationID: "create-worklist", Method: http.MethodPost, Path: "/v1/worklists", Tags: tags,
		Summary: "Create a worklist", DefaultStatus: http.StatusCreated,
		Description: "Creating a worklist that exists with the same spec answers 200 with the one that exists."},
		func(ctx context.Context, in *struct{ Body v1alpha1.Worklist }) (*worklistBody, error) {
			wl, created, err := s.create(ctx, &in.Body)
			if err != nil {
				return nil, problem(err)
			}
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			if full, err := s.get(ctx, wl.Name); err == nil {
				wl = full
			}
			return answerWith(status, wl), nil
		})
	huma.Register(api, huma.Operation{OperationID: "list-worklists", Method: http.MethodGet, Path: "/v1/worklists", Tags: tags,
		Summary: "List worklists by name"},
		func(ctx context.Context, in *worklistPage) (*struct{ Body v1alpha1.WorklistList }, error) {
			page, err := s.list(ctx, in.Continue, in.Limit)
			if err == nil && in.Forwarded == "" {
				err = fillIn(ctx, s.peers, s.store.Lists, page.Items, func(wl *v1alpha1.Worklist) *metav1.ObjectMeta { return &wl.ObjectMeta },
					func(ctx context.Context, c *client.Client) ([]v1alpha1.Worklist, error) {
						theirs, err := c.Page(ctx, in.Continue, in.Limit)
						return theirs.Items, err
					})
			}
			return &struct{ Body v1alpha1.WorklistList }{page}, problem(err)
		})
	huma.Register(api, huma.Operation{OperationID: "get-worklist", Method: http.MethodGet, Path: one, Tags: tags,
		Summary: "Get a worklist with its status"},
		func(ctx context.Context, in *ListPath) (*worklistBody, error) {
			wl, err := s.get(ctx, in.Name)
			if err != nil {
				return nil, problem(err)
			}
			return answerWith(http.StatusOK, wl), nil
		})
	huma.Register(api, huma.Operation{OperationID: "apply-worklist", Method: http.MethodPut, Path: one, Tags: tags,
		Summary: "Create a worklist, or give an existing one this spec"},
		func(ctx context.Context, in *struct {
			ListPath
			IfMatch
			Body v1alpha1.Worklist
		}) (*worklistBody, error) {
			if in.Body.Name != in.Name {
				return nil, problem(&v1alpha1.FieldError{Field: "metadata.name", Detail: "is not the name in the path, " + in.Name})
			}
			version := in.version(in.Body.ResourceVersion)
			if _, err := s.store.Lists.Get(ctx, in.Name); errors.Is(err, store.ErrNotFound) && version == "" {
				wl, _, err := s.create(ctx, &in.Body)
				if err != nil {
					return nil, problem(err)
				}
				return answerWith(http.StatusCreated, wl), nil
			}
			return s.change(ctx, in.Name, version, func(wl *v1alpha1.Worklist) error {
				wl.Spec, wl.Labels, wl.Annotations = in.Body.Spec, in.Body.Labels, in.Body.Annotations
				return nil
			})
		})
	huma.Register(api, huma.Operation{OperationID: "patch-worklist", Method: http.MethodPatch, Path: one, Tags: tags,
		Summary: "Change limits, suspend, resume or cancel a worklist", SkipValidateBody: true, MaxBodyBytes: mostPatch, BodyReadTimeout: patchTime},
		func(ctx context.Context, in *specPatch) (*worklistBody, error) {
			return s.change(ctx, in.Name, in.version(""), func(wl *v1alpha1.Worklist) error { return mergePatch("worklist", wl, in.RawBody) })
		})
	huma.Register(api, huma.Operation{OperationID: "delete-worklist", Method: http.MethodDelete, Path: one, Tags: tags,
		Summary: "Delete a worklist with its results", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *ListPath) (*struct{}, error) {
			k, err := s.mine(ctx, in.Name)
			if err == nil {
				err = s.remove(ctx, k)
			}
			return nil, problem(err)
		})
	huma.Register(api, huma.Operation{OperationID: "retry-worklist", Method: http.MethodPost, Path: one + "/retry", Tags: tags,
		Summary: "Hand out failed items again"},
		func(ctx context.Context, in *ListPath) (*counted, error) {
			out := &counted{}
			k, err := s.mine(ctx, in.Name)
			if err == nil {
				err = k.change(ctx, func(now time.Time, _ *batch) bool {
					out.Body.Items = k.ledger.Retry(now)
					return true
				})
			}
			return out, problem(err)
		})
	registerExplanation(api, s)
	huma.Register(api, huma.Operation{OperationID: "certify-worklist", Method: http.MethodGet, Path: one + "/certificate", Tags: tags,
		Summary: "Account for every item, signed"},
		func(ctx context.Context, in *ListPath) (*struct{ Body *v1alpha1.Certificate }, error) {
			c, err := s.certificate(ctx, in.Name)
			return &struct{ Body *v1alpha1.Certificate }{c}, problem(err)
		})
}

func registerExplanation(api huma.API, l lists) {
	huma.Register(api, huma.Operation{OperationID: "explain-worklist", Method: http.MethodGet, Path: "/v1/worklists/{name}/explanation", Tags: []string{"Worklists"},
		Summary: "Why does it (not) move?"},
		func(ctx context.Context, in *ListPath) (*struct{ Body v1alpha1.Explanation }, error) {
			out := &struct{ Body v1alpha1.Explanation }{}
			k, err := l.mine(ctx, in.Name)
			if err == nil {
				err = k.read(func(now time.Time) {
					out.Body = v1alpha1.Explanation{Phase: v1alpha1.Phase(k.ledger.Status(now).Phase), Sentences: k.ledger.Explain(now, "")}
				})
			}
			return out, problem(err)
		})
}

// change updates a list's manifest.
func (s *Server) change(ctx context.Context, name, version string, f func(*v1alpha1.Worklist) error) (*worklistBody, error) {
	k, err := s.mine(ctx, name)
	if err != nil {
		return nil, problem(err)
	}
	if _, err := s.update(ctx, k, version, f); err != nil {
		return nil, problem(err)
	}
	wl, err := s.get(ctx, name)
	if err != nil {
		return nil, problem(err)
	}
	return answerWith(http.StatusOK, wl), nil
}

// mergePatch applies a merge patch to the parts of a manifest of that kind that a user may change.
func mergePatch[T any](kind string, manifest *T, patch []byte) error {
	var p struct {
		Metadata map[string]any `json:"metadata"`
		Spec     map[string]any `json:"spec"`
	}
	if err := decodeStrict(patch, &p); err != nil {
		return huma.Error422UnprocessableEntity("the patch is not valid: " + err.Error())
	}
	for field := range p.Metadata {
		if field != "labels" && field != "annotations" {
			return &v1alpha1.FieldError{Field: "metadata." + field, Detail: "cannot be changed"}
		}
	}
	merged := map[string]any{}
	for field, part := range map[string]map[string]any{"metadata": p.Metadata, "spec": p.Spec} {
		if part != nil {
			merged[field] = part
		}
	}
	old, err := json.Marshal(manifest)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(old, &doc); err != nil {
		return err
	}
	out, err := json.Marshal(merge(doc, merged))
	if err != nil {
		return err
	}
	var next T
	if err := v1alpha1.DecodeStrict(out, &next); err != nil {
		return huma.Error422UnprocessableEntity("the patched " + kind + " is not valid: " + err.Error())
	}
	*manifest = next
	return nil
}

// merge is the algorithm of RFC 7396, section 2.
func merge(target, patch map[string]any) map[string]any {
	if target == nil {
		target = map[string]any{}
	}
	for name, value := range patch {
		switch v := value.(type) {
		case nil:
			delete(target, name)
		case map[string]any:
			old, _ := target[name].(map[string]any)
			target[name] = merge(old, v)
		default:
			target[name] = v
		}
	}
	return target
}
