package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/server/swarms"
	"teamtask.dev/store"
)

// SwarmPath is the swarm a call is about.
type SwarmPath struct {
	Name string `path:"name" doc:"Name of the swarm." maxLength:"63"`
}

type swarmBody struct {
	Status int
	ETag   string `header:"ETag" doc:"Version of the manifest, for If-Match."`
	Body   *v1alpha1.Swarm
}

func answerSwarm(status int, sw *v1alpha1.Swarm, err error) (*swarmBody, error) {
	if err != nil {
		return nil, swarmProblem("the swarm is not valid", err)
	}
	return &swarmBody{status, `"` + sw.ResourceVersion + `"`, sw}, nil
}

// SwarmPage is a page of anything about swarms. It is exported as a part of what calls take is found only so.
type SwarmPage struct {
	Limit    int    `query:"limit" default:"100" minimum:"1" maximum:"1000" doc:"Most of a page."`
	Continue string `query:"continue" doc:"From the page before: where to go on."`

	Forwarded string `header:"Teamtask-Forwarded" hidden:"true"` // another server asks, for what this one owns
}

type swarmPatch struct {
	SwarmPath
	IfMatch
	RawBody []byte `contentType:"application/merge-patch+json" doc:"Merge patch (RFC 7396) of a swarm, such as {\"spec\":{\"suspend\":true}}."`
}

func (s *Server) registerSwarms(api huma.API) {
	const one = "/v1/swarms/{name}"
	tags := []string{"Swarms"}
	huma.Register(api, huma.Operation{OperationID: "create-swarm", Method: http.MethodPost, Path: "/v1/swarms", Tags: tags,
		Summary: "Create a swarm", DefaultStatus: http.StatusCreated,
		Description: "Creating a swarm that exists with the same spec answers 200 with the one that exists. What is about pods is ignored where there are none."},
		func(ctx context.Context, in *struct{ Body v1alpha1.Swarm }) (*swarmBody, error) {
			sw, created, err := s.createSwarm(ctx, &in.Body)
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return answerSwarm(status, sw, err)
		})
	huma.Register(api, huma.Operation{OperationID: "list-swarms", Method: http.MethodGet, Path: "/v1/swarms", Tags: tags, Summary: "List swarms by name"},
		func(ctx context.Context, in *SwarmPage) (*struct{ Body v1alpha1.SwarmList }, error) {
			page, err := s.listSwarms(ctx, in.Continue, in.Limit)
			if err == nil && in.Forwarded == "" {
				err = fillIn(ctx, s.peers, s.store.Swarms, page.Items, func(sw *v1alpha1.Swarm) *metav1.ObjectMeta { return &sw.ObjectMeta },
					func(ctx context.Context, c *client.Client) ([]v1alpha1.Swarm, error) {
						theirs, err := c.SwarmPage(ctx, in.Continue, in.Limit)
						return theirs.Items, err
					})
			}
			return &struct{ Body v1alpha1.SwarmList }{page}, swarmProblem("", err)
		})
	huma.Register(api, huma.Operation{OperationID: "get-swarm", Method: http.MethodGet, Path: one, Tags: tags, Summary: "Get a swarm with its status"},
		func(ctx context.Context, in *SwarmPath) (*swarmBody, error) {
			sw, err := s.swarm(ctx, in.Name)
			return answerSwarm(http.StatusOK, sw, err)
		})
	huma.Register(api, huma.Operation{OperationID: "apply-swarm", Method: http.MethodPut, Path: one, Tags: tags,
		Summary: "Create a swarm, or give an existing one this spec"},
		func(ctx context.Context, in *struct {
			SwarmPath
			IfMatch
			Body v1alpha1.Swarm
		}) (*swarmBody, error) {
			if in.Body.Name != in.Name {
				return answerSwarm(0, nil, &v1alpha1.FieldError{Field: "metadata.name", Detail: "is not the name in the path, " + in.Name})
			}
			version := in.version(in.Body.ResourceVersion)
			if _, err := s.store.Swarms.Get(ctx, in.Name); errors.Is(err, store.ErrNotFound) && version == "" {
				sw, _, err := s.createSwarm(ctx, &in.Body)
				return answerSwarm(http.StatusCreated, sw, err)
			}
			sw, err := s.changeSwarm(ctx, in.Name, version, living(func(sw *v1alpha1.Swarm) error {
				sw.Spec, sw.Labels, sw.Annotations = in.Body.Spec, in.Body.Labels, in.Body.Annotations
				return nil
			}))
			return answerSwarm(http.StatusOK, sw, err)
		})
	huma.Register(api, huma.Operation{OperationID: "patch-swarm", Method: http.MethodPatch, Path: one, Tags: tags,
		Summary: "Change, suspend or resume a swarm", SkipValidateBody: true, MaxBodyBytes: mostPatch, BodyReadTimeout: patchTime},
		func(ctx context.Context, in *swarmPatch) (*swarmBody, error) {
			sw, err := s.changeSwarm(ctx, in.Name, in.version(""), living(func(sw *v1alpha1.Swarm) error { return mergePatch("swarm", sw, in.RawBody) }))
			return answerSwarm(http.StatusOK, sw, err)
		})
	huma.Register(api, huma.Operation{OperationID: "delete-swarm", Method: http.MethodDelete, Path: one, Tags: tags,
		Summary: "Delete a swarm", DefaultStatus: http.StatusNoContent,
		Description: "204: it is gone. 202: it goes as soon as its workers have let go of everything, or their leases have run out.",
		Responses: map[string]*huma.Response{"202": {Description: "It goes as soon as its workers have let go of everything.",
			Content: map[string]*huma.MediaType{"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(swarmType, true, "")}}}}},
		func(ctx context.Context, in *SwarmPath) (*swarmBody, error) {
			sw, err := s.deleteSwarm(ctx, in.Name)
			if err == nil && sw == nil {
				return &swarmBody{Status: http.StatusNoContent}, nil
			}
			return answerSwarm(http.StatusAccepted, sw, err)
		})
	sse.Register(api, huma.Operation{OperationID: "watch-swarm", Method: http.MethodGet, Path: one + "/events", Tags: tags,
		Summary: "Watch a swarm: its status now, and after each change"},
		map[string]any{"status": v1alpha1.SwarmStatus{}, "gone": goneEvent{}},
		func(ctx context.Context, in *SwarmPath, send sse.Sender) {
			e, err := s.swarms.mine(ctx, in.Name)
			if err != nil {
				send.Data(goneEvent{err.Error()})
				return
			}
			follow(ctx, eventPause, func() (<-chan struct{}, bool) {
				sw, changed, err := e.Swarm()
				if err != nil {
					send.Data(goneEvent{err.Error()})
					return nil, false
				}
				return changed, send.Data(sw.Status) == nil
			})
		})
}

// living refuses to change a swarm that is being deleted.
func living(change func(*v1alpha1.Swarm) error) func(*v1alpha1.Swarm) error {
	return func(sw *v1alpha1.Swarm) error {
		if sw.DeletionTimestamp != nil {
			return swarms.ErrDeleted
		}
		return change(sw)
	}
}
