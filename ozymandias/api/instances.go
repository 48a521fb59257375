package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
)

// InstancePath is the instance that a call is about.
type InstancePath struct {
	Name string `path:"name" doc:"Name of the instance, JOB-ID." maxLength:"320"`
}

func (a *API) registerInstances(api huma.API) {
	const all, one, tag = "/v1/instances", "/v1/instances/{name}", "Instances"
	huma.Register(api, operation(tag, http.MethodGet, all, "list-instances", "List instances by job and ID"),
		func(_ context.Context, in *struct {
			Job  string `query:"job" doc:"Only those of this job."`
			Node string `query:"node" doc:"Only those on this node, without those that have ended for good."`
		}) (*listed[v1.Instance], error) {
			v, err := a.view()
			if err != nil {
				return nil, problem(err)
			}
			if in.Job != "" && v.named(in.Job) == nil {
				return nil, none("job", in.Job)
			}
			if in.Node != "" && v.Node(in.Node) == nil {
				return nil, none("node", in.Node)
			}
			all := v.instances
			if in.Node == "" { // what has ended is on no node any more
				all = slices.Concat(all, v.ended())
				slices.SortStableFunc(all, inOrder)
			}
			return list(slices.DeleteFunc(all, func(i v1.Instance) bool {
				return in.Job != "" && i.Job != in.Job || in.Node != "" && i.Node != in.Node
			})), nil
		})
	huma.Register(api, operation(tag, http.MethodGet, one, "get-instance", "Get an instance with its containers"),
		func(_ context.Context, in *InstancePath) (*answer[v1.Instance], error) {
			v, err := a.view()
			if err != nil {
				return nil, problem(err)
			}
			found, ok := v.find(in.Name)
			if !ok {
				return nil, none("instance", in.Name)
			}
			return &answer[v1.Instance]{found}, nil
		})
}
