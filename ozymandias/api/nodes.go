package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// NodePath is the node that a call is about.
type NodePath struct {
	Name string `path:"name" doc:"Name of the node." maxLength:"253"`
}

func (a *API) registerNodes(api huma.API) {
	const all, one, tag = "/v1/nodes", "/v1/nodes/{name}", "Nodes"
	huma.Register(api, operation(tag, http.MethodGet, all, "list-nodes", "List nodes by name"),
		func(context.Context, *struct{}) (*listed[v1.Node], error) {
			v, err := a.view()
			if err != nil {
				return nil, problem(err)
			}
			nodes := make([]v1.Node, 0, len(v.Nodes))
			for i := range v.Nodes {
				nodes = append(nodes, v.tell(&v.Nodes[i]))
			}
			return list(nodes), nil
		})
	get := func(name string) (*answer[v1.Node], error) {
		v, err := a.view()
		if err != nil {
			return nil, problem(err)
		}
		n := v.Node(name)
		if n == nil {
			return nil, none("node", name)
		}
		return &answer[v1.Node]{v.tell(n)}, nil
	}
	huma.Register(api, operation(tag, http.MethodGet, one, "get-node", "Get a node"),
		func(_ context.Context, in *NodePath) (*answer[v1.Node], error) { return get(in.Name) })
	huma.Register(api, operation(tag, http.MethodPatch, one, "change-node", "Drain a node, let it take instances again, or label it"),
		func(ctx context.Context, in *struct {
			NodePath
			Body v1.NodePatch
		}) (*answer[v1.Node], error) {
			if err := refuseStorage(in.Body.Labels); err != nil {
				return nil, problem(err)
			}
			if in.Body.Draining != nil {
				if err := a.drain(ctx, in.Name, *in.Body.Draining); err != nil {
					return nil, problem(err)
				}
			}
			if len(in.Body.Labels) > 0 {
				if err := a.label(ctx, in.Name, in.Body.Labels); err != nil {
					return nil, problem(err)
				}
			}
			return get(in.Name)
		})
	forget := operation(tag, http.MethodDelete, one, "forget-node", "Forget a node that is lost for good")
	forget.DefaultStatus = http.StatusNoContent
	huma.Register(api, forget, func(ctx context.Context, in *NodePath) (*struct{}, error) {
		return nil, problem(a.forget(ctx, in.Name))
	})
	huma.Register(api, operation("Plans", http.MethodGet, "/v1/plans", "list-plans", "List what each node is to run, as it was decided"),
		func(context.Context, *struct{}) (*listed[v1.Plan], error) {
			v, err := a.view()
			if err != nil {
				return nil, problem(err)
			}
			plans := make([]v1.Plan, 0, len(v.Nodes))
			for i := range v.Nodes {
				plans = append(plans, v.plan(&v.Nodes[i]))
			}
			return list(plans), nil
		})
	huma.Register(api, operation("Events", http.MethodGet, "/v1/events", "list-events", "List the last 300 decisions"),
		func(_ context.Context, in *struct {
			Job  string `query:"job" doc:"Only what is about this job."`
			Node string `query:"node" doc:"Only what is about this node."`
		}) (*listed[v1.Event], error) {
			v, err := a.view()
			if err != nil {
				return nil, problem(err)
			}
			uid := ""
			if in.Job != "" {
				j := v.named(in.Job)
				if j == nil {
					return nil, none("job", in.Job)
				}
				uid = j.UID
			}
			return list(v.events(func(e state.Event) bool { return (uid == "" || e.Job == uid) && (in.Node == "" || e.Node == in.Node) })), nil
		})
}

// events are those of the last decisions that are wanted, the oldest first.
func (v *view) events(wanted func(state.Event) bool) (out []v1.Event) {
	for _, e := range v.told {
		if !wanted(e) {
			continue
		}
		told := v1.Event{Version: e.Version, Time: e.At, Node: e.Node, Text: e.Text}
		if j := v.Job(e.Job); j != nil {
			told.Job = j.Spec.Name
		}
		out = append(out, told)
	}
	return out
}

// drain has a node's instances go elsewhere, or new ones come again.
func (a *API) drain(ctx context.Context, name string, draining bool) error {
	_, err := a.decide(ctx, func(now schedule.State) (schedule.State, error) {
		if now.Node(name) == nil {
			return now, none("node", name)
		}
		return now.Drain(name, draining)
	})
	return err
}

// refuseStorage refuses to set the label, or to take it away, that each node gives itself: volumes are looked for where it says.
func refuseStorage(labels map[string]*string) error {
	if _, given := labels[schedule.StorageLabel]; given {
		return v1.Invalid.New("label %s is the node's own, which it gives itself by its `--shared-storage DIRECTORY`: call yours something else", schedule.StorageLabel)
	}
	return nil
}

// label gives a node labels, or takes them away where there is no value.
func (a *API) label(ctx context.Context, name string, labels map[string]*string) error {
	there, err := a.Store.Label(ctx, name, labels)
	switch {
	case err != nil:
		return err
	case !there:
		return none("node", name)
	}
	// Whoever has labelled it looks next, and is to see it here. Another label may come in between, so this has an end.
	_, err = a.until(ctx, readWithin, func(now *schedule.State) bool {
		n := now.Node(name)
		return n == nil || wears(n, labels)
	})
	return err
}

// wears tells whether a node has labels as they were set, or taken away.
func wears(n *schedule.Node, labels map[string]*string) bool {
	for name, value := range labels {
		if now, has := n.Labels[name]; has != (value != nil) || has && now != *value {
			return false
		}
	}
	return true
}

// forget takes a node away that is lost.
func (a *API) forget(ctx context.Context, name string) error {
	err := a.Members.Forget(ctx, name)
	switch {
	case errors.Is(err, state.ErrAlive):
		return v1.NodeAlive.New("node %s is alive: have it leave (`ozymandias drain %s`, then end its process) before it is forgotten", name, name)
	case errors.Is(err, state.ErrNoNode):
		return none("node", name)
	case err == nil:
		spread(ctx)
	}
	return err
}

// tell tells of a node.
func (v *view) tell(n *schedule.Node) v1.Node {
	machine := v.machines[n.Name]
	out := v1.Node{Name: n.Name, Address: machine.Address, Labels: n.Labels, Draining: n.Draining, Capacity: resources(n.Capacity), Planned: resources(v.planned(n)),
		Instances: len(n.Plan.Instances), Load: n.Load, Incarnation: n.Incarnation, Joined: moment(machine.Joined), Since: moment(v.lives[n.Name].Since), IngressProblems: ingressTexts(n)}
	busy := false
	for _, in := range v.instances {
		if in.Node != n.Name || in.Phase == v1.Lost {
			continue
		}
		busy = true
		if w, waits := v.waits[schedule.Instance{Job: in.UID, ID: in.ID}]; waits && n.Draining && !in.Leaving {
			out.Stuck = append(out.Stuck, wait(w))
		}
	}
	left := map[schedule.Volume]schedule.Why{}
	for _, l := range schedule.Stale(v.State, n.Name) {
		left[l.Volume] = l.Why
	}
	for _, volume := range n.Volumes {
		name := volume.Job
		if j := v.Job(volume.Job); j != nil {
			name = j.Spec.Name
		}
		out.Volumes = append(out.Volumes, v1.Volume{Job: name, ID: volume.ID, Name: volume.Name, Space: job.Size(volume.Space), Epoch: volume.Epoch,
			LeftOver: string(left[volume])})
	}
	switch {
	case !n.Alive():
		out.Phase = v1.Away
	case n.Report.Unfit != "":
		out.Phase, out.Message = v1.Unfit, n.Report.Unfit
	case n.Draining && busy:
		out.Phase = v1.Draining
	case n.Draining:
		out.Phase = v1.Drained
	default:
		out.Phase = v1.Ready
	}
	return out
}

// planned is what those need that are planned on a node.
func (v *view) planned(n *schedule.Node) (sum placement.Resources) {
	shared := map[string]bool{}
	for _, p := range n.Plan.Instances {
		spec := v.Spec(p.Job, p.Revision)
		if spec == nil {
			continue
		}
		needs := spec.Needs()
		sum.Memory += int64(needs.Memory)
		sum.CPU += int64(needs.CPUs)
		sum.Disk += int64(needs.Local)
		if !shared[p.Job] {
			sum.Disk += int64(needs.Shared)
		}
		shared[p.Job] = true
	}
	return sum
}

func (v *view) plan(n *schedule.Node) v1.Plan {
	out := v1.Plan{Node: n.Name, Version: n.Plan.Version, Incarnation: n.Plan.Incarnation, Instances: []v1.PlannedItem{}}
	name := func(i schedule.Instance) string { return v.instance(i, "", 0, 0).Name }
	for _, p := range n.Plan.Instances {
		after := map[string]bool{}
		for _, place := range p.After {
			after[place.Node] = true
		}
		out.Instances = append(out.Instances, v1.PlannedItem{Instance: name(p.Instance), Revision: p.Revision, Epoch: p.Epoch, After: slices.Sorted(maps.Keys(after))})
	}
	for _, l := range n.Plan.Leaving {
		out.Leaving = append(out.Leaving, v1.PlannedItem{Instance: name(l.Instance), Revision: l.Revision, Epoch: l.Epoch})
	}
	byName := func(a, b v1.PlannedItem) int { return strings.Compare(a.Instance, b.Instance) }
	slices.SortFunc(out.Instances, byName)
	slices.SortFunc(out.Leaving, byName)
	return out
}
