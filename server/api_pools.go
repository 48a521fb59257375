package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/server/swarms"
	"teamtask.dev/store"
)

// WorkerPath is the worker of a swarm that a call is about.
type WorkerPath struct {
	SwarmPath
	Worker string `path:"worker" doc:"Name of the worker." maxLength:"189"`
}

// IncarnationQuery is which worker of that name it is.
type IncarnationQuery struct {
	Incarnation string `query:"incarnation" required:"true" minLength:"1" maxLength:"253" doc:"As the answer to joining has it."`
}

// lostEvent says that the session is over: the worker is to stop everything.
type lostEvent struct {
	Message string `json:"message"`
}

// stillEvent says that nothing has changed.
type stillEvent struct {
	Version int64 `json:"version"`
}

func (s *Server) registerPools(api huma.API) {
	const pool, one = "/v1/swarms/{name}/workers", "/v1/swarms/{name}/workers/{worker}"
	tags := []string{"Workers"}
	huma.Register(api, huma.Operation{OperationID: "join-swarm", Method: http.MethodPost, Path: pool, Tags: tags,
		Summary: "Join the pool of a swarm", DefaultStatus: http.StatusCreated,
		Description: "Refused (409) as long as another worker of that name is there. With an incarnation of the caller's own the call may be repeated."},
		func(ctx context.Context, in *struct {
			SwarmPath
			Body v1alpha1.JoinRequest
		}) (*struct{ Body v1alpha1.JoinResponse }, error) {
			if problems := validation.IsDNS1123Subdomain(in.Body.Worker); len(problems) > 0 {
				return nil, invalid("the worker cannot join", &v1alpha1.FieldError{Field: "worker",
					Detail: "is no name of a worker: lower-case letters, digits, - and . only, beginning and ending with a letter or digit"})
			}
			if err := v1alpha1.CheckLabels("labels", in.Body.Labels); err != nil {
				return nil, swarmProblem("the worker cannot join", err)
			}
			e, err := s.swarms.mine(ctx, in.Name)
			var out v1alpha1.JoinResponse
			if err == nil {
				out, err = e.Join(ctx, in.Body)
			}
			return &struct{ Body v1alpha1.JoinResponse }{out}, swarmProblem("", err)
		})
	huma.Register(api, huma.Operation{OperationID: "renew-worker", Method: http.MethodPut, Path: one, Tags: tags,
		Summary: "Renew a worker's lease, and acknowledge the version of its part that it runs",
		Description: "409: another incarnation has taken its place, or its lease has run out; the worker must stop everything, and may join anew. " +
			"409 with an error at body.version: it has taken longer than spec.handover.timeout to acknowledge its part; its lease is not renewed any more, " +
			"and it must have stopped everything before it runs out. 404: there is no such worker in the pool."},
		func(ctx context.Context, in *struct {
			WorkerPath
			Body v1alpha1.RenewalRequest
		}) (*struct{ Body v1alpha1.RenewalResponse }, error) {
			e, err := s.swarms.mine(ctx, in.Name)
			var out v1alpha1.RenewalResponse
			if err == nil {
				out, err = e.Renew(in.Worker, in.Body)
			}
			return &struct{ Body v1alpha1.RenewalResponse }{out}, swarmProblem("the renewal is not valid", err)
		})
	huma.Register(api, huma.Operation{OperationID: "leave-swarm", Method: http.MethodDelete, Path: one, Tags: tags,
		Summary: "Leave the pool: the worker runs nothing any more", DefaultStatus: http.StatusNoContent},
		func(ctx context.Context, in *struct {
			WorkerPath
			IncarnationQuery
		}) (*struct{}, error) {
			e, err := s.swarms.mine(ctx, in.Name)
			if err == nil {
				err = e.Leave(ctx, in.Worker, in.Incarnation)
			}
			return nil, swarmProblem("", err)
		})
	sse.Register(api, huma.Operation{OperationID: "follow-assignment", Method: http.MethodGet, Path: one + "/assignment", Tags: tags,
		Summary: "Follow a worker's Assignment: the latest now, and after each change",
		Description: "`lost` ends the session: the worker must stop everything, and may join anew. After `gone`, or where the connection breaks, it asks again. " +
			"`still` comes now and then, so that a connection that is dead can be told from one on which nothing happens."},
		map[string]any{"assignment": v1alpha1.Assignment{}, "still": stillEvent{}, "lost": lostEvent{}, "gone": goneEvent{}},
		func(ctx context.Context, in *struct {
			WorkerPath
			IncarnationQuery
		}, send sse.Sender) {
			e, err := s.swarms.mine(ctx, in.Name)
			if err != nil {
				sendEnd(send, err)
				return
			}
			sent := int64(-1)
			follow(ctx, 0, func() (<-chan struct{}, bool) {
				a, ok, changed, err := e.Follow(in.Worker, in.Incarnation)
				switch {
				case err != nil:
					sendEnd(send, err)
					return nil, false
				case ok && a.Spec.Version != sent:
					sent = a.Spec.Version
					err = send.Data(a)
				default:
					err = send.Data(stillEvent{max(0, sent)})
				}
				return changed, err == nil
			})
		})
	s.registerAssignments(api)
}

// sendEnd is the last event of a worker's stream: the session is over, or its stream goes on elsewhere.
func sendEnd(send sse.Sender, err error) {
	var unknown *swarms.UnknownError
	var lost *swarms.LostError
	if errors.As(err, &unknown) || errors.As(err, &lost) || errors.Is(err, store.ErrNotFound) {
		send.Data(lostEvent{err.Error()})
		return
	}
	send.Data(goneEvent{err.Error()})
}

func (s *Server) registerAssignments(api huma.API) {
	tags := []string{"Assignments"}
	huma.Register(api, huma.Operation{OperationID: "list-assignments", Method: http.MethodGet, Path: "/v1/swarms/{name}/assignments", Tags: tags,
		Summary: "List the Assignments of a swarm by worker"},
		func(ctx context.Context, in *struct {
			SwarmPath
			SwarmPage
		}) (*struct{ Body v1alpha1.AssignmentList }, error) {
			e, err := s.swarms.mine(ctx, in.Name)
			page := noAssignments()
			if err == nil {
				var more bool
				if page.Items, more, err = e.Assignments(in.Continue, in.Limit); more {
					page.Continue = page.Items[len(page.Items)-1].Spec.Worker
				}
			}
			return &struct{ Body v1alpha1.AssignmentList }{page}, swarmProblem("", err)
		})
	huma.Register(api, huma.Operation{OperationID: "get-assignment", Method: http.MethodGet, Path: "/v1/swarms/{name}/assignments/{worker}", Tags: tags,
		Summary: "Get a worker's Assignment"},
		func(ctx context.Context, in *WorkerPath) (*struct{ Body *v1alpha1.Assignment }, error) {
			e, err := s.swarms.mine(ctx, in.Name)
			var a *v1alpha1.Assignment
			if err == nil {
				a, err = e.Assignment(in.Worker)
			}
			return &struct{ Body *v1alpha1.Assignment }{a}, swarmProblem("", err)
		})
	huma.Register(api, huma.Operation{OperationID: "list-all-assignments", Method: http.MethodGet, Path: "/v1/assignments", Tags: tags,
		Summary: "List the Assignments of all swarms, by swarm and worker"},
		func(ctx context.Context, in *SwarmPage) (*struct{ Body v1alpha1.AssignmentList }, error) {
			page, err := s.assignments(ctx, in.Continue, in.Limit)
			return &struct{ Body v1alpha1.AssignmentList }{page}, swarmProblem("", err)
		})
}

func noAssignments() v1alpha1.AssignmentList {
	return v1alpha1.AssignmentList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.AssignmentKind + "List"}, Items: []v1alpha1.Assignment{}}
}

// assignments is a page of the Assignments of all swarms. Where to go on is told as SWARM/WORKER.
func (s *Server) assignments(ctx context.Context, after string, limit int) (v1alpha1.AssignmentList, error) {
	out := noAssignments()
	swarm, worker, within := strings.Cut(after, "/")
	if within {
		if err := s.appendAssignments(ctx, &out, swarm, worker, limit); err != nil && !errors.Is(err, store.ErrNotFound) {
			return out, err
		}
	}
	for out.Continue == "" {
		page, more, err := s.store.Swarms.Page(ctx, swarm, 100)
		if err != nil {
			return out, err
		}
		for _, x := range page {
			swarm = x.Name
			err := s.appendAssignments(ctx, &out, swarm, "", limit-len(out.Items))
			if err != nil && !errors.Is(err, store.ErrNotFound) { // it was deleted meanwhile
				return out, err
			}
			if out.Continue != "" {
				break
			}
		}
		if !more {
			break
		}
	}
	return out, nil
}

// appendAssignments appends those of one swarm, which may be another server's.
func (s *Server) appendAssignments(ctx context.Context, out *v1alpha1.AssignmentList, swarm, after string, limit int) error {
	e, owner, err := s.swarms.find(ctx, swarm)
	if err != nil {
		return err
	}
	var items []v1alpha1.Assignment
	var more bool
	if e != nil {
		items, more, err = e.Assignments(after, limit)
	} else {
		var page *v1alpha1.AssignmentList
		page, err = s.peers.at(owner.URL).AssignmentPage(ctx, swarm, after, limit)
		items, more = page.Items, page.Continue != ""
	}
	if err != nil {
		return err
	}
	out.Items = append(out.Items, items...)
	if more {
		worker := after
		if len(items) > 0 {
			worker = items[len(items)-1].Spec.Worker
		}
		out.Continue = swarm + "/" + worker
	}
	return nil
}
