package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"teamtask.dev/ozymandias/api/v1"
)

// usage answers with what the instances on a node take.
func (a *API) usage(w http.ResponseWriter, r *http.Request) {
	v, err := a.view()
	if err != nil {
		write(w, err)
		return
	}
	node := r.PathValue("name")
	switch n := v.Node(node); {
	case n == nil:
		write(w, none("node", node))
		return
	case !n.Alive():
		write(w, v1.NodeUnreachable.New("node %s is lost", node))
		return
	}
	a.on(w, r, node, func(w http.ResponseWriter, r *http.Request) {
		used, err := a.measure(r.Context(), v)
		if err != nil {
			write(w, err)
			return
		}
		writeJSON(w, used)
	})
}

// writeJSON answers where huma is not at work.
func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever does not take it has gone
}

// measure asks podman what runs here, and what it takes.
func (a *API) measure(ctx context.Context, v *view) (v1.Usage, error) {
	out := v1.Usage{Node: a.Node, At: time.Now().UTC(), Instances: []v1.InstanceUsage{}}
	pods, err := a.Podman.Pods(ctx, nil)
	if err != nil {
		return out, err
	}
	ids := map[string]string{} // by name
	for _, pod := range pods {
		for _, container := range pod.Containers {
			if container.Status == "running" {
				ids[container.Name] = container.ID
			}
		}
	}
	var all []string
	for _, id := range ids {
		all = append(all, id)
	}
	if len(all) == 0 {
		return out, nil
	}
	stats, err := a.Podman.Stats(ctx, all...)
	if err != nil {
		return out, fmt.Errorf("measure what runs: %w", err)
	}
	for _, in := range v.instances {
		if in.Node != a.Node {
			continue
		}
		spec := v.Spec(in.UID, in.Revision)
		if spec == nil {
			continue
		}
		needs := spec.Needs()
		used := v1.InstanceUsage{Instance: in.Name, Job: in.Job, Epoch: in.Epoch, Limit: v1.Resources{Memory: needs.Memory, CPUs: needs.CPUs}}
		runs := false
		for name := range spec.Containers {
			container, ok := a.Container(in.UID, in.ID, name)
			if one, measured := stats[ids[container]]; ok && measured {
				used.Memory += one.Memory
				used.CPUSeconds += one.CPU.Seconds()
				runs = true
			}
		}
		if runs {
			out.Instances = append(out.Instances, used)
		}
	}
	return out, nil
}
