package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

var worklistKind = kind{plural: "worklists", singular: "worklist", short: "wl", about: "List worklists", argument: "NAME", none: "There are no worklists.", aged: true,
	complete: func(g *global) cobra.CompletionFunc { return g.completeLists },
	header:   []string{"NAME", "STATUS", "PROGRESS", "SIZE", "FAILED", "BLOCKS", "WORKERS", "RATE"},
	wide:     []string{"SOURCE", "OWNER", "EPOCH", "MESSAGE"},
	read: func(ctx context.Context, c *client.Client, names []string) (f found, err error) {
		lists, err := worklists(ctx, c, names)
		if err != nil {
			return f, err
		}
		for i := range lists {
			wl := &lists[i]
			s, source := &wl.Status, ""
			if wl.Spec.Items != nil {
				source = wl.Spec.Items.String()
			}
			f.rows = append(f.rows, row{name: wl.Name, created: wl.CreationTimestamp.Time,
				cells: []string{wl.Name, string(s.Phase()), v1alpha1.Progress(s.Done, s.Size), text.Count(s.Size), text.Count(s.Failed), text.Count(s.BlocksOut),
					text.Count(s.Workers), text.Rate(s.Rate())},
				wide: []string{source, s.Owner, text.Count(s.Epoch), s.Reason()}})
			lists[i] = *asWritten(wl)
		}
		f.object = v1alpha1.WorklistList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "WorklistList"}, Items: lists}
		if len(names) == 1 {
			f.object = lists[0]
		}
		return f, nil
	}}

// worklists are those named, or all.
func worklists(ctx context.Context, c *client.Client, names []string) (out []v1alpha1.Worklist, err error) {
	for _, name := range names {
		wl, err := c.Get(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, *wl)
	}
	if len(names) > 0 {
		return out, nil
	}
	for wl, err := range c.Worklists(ctx) {
		if err != nil {
			return nil, err
		}
		out = append(out, *wl)
	}
	return out, nil
}

var blockKind = kind{plural: "blocks", singular: "block", about: "List the blocks that are out or wait to go out again", argument: "WORKLIST", none: "There are no blocks out.",
	complete: func(g *global) cobra.CompletionFunc { return g.completeLists },
	header:   []string{"NAME", "READY", "STATUS", "RESTARTS", "INDEX", "SIZE"},
	wide:     []string{"WORKER", "DONE", "DEADLINE", "MESSAGE"},
	read: func(ctx context.Context, c *client.Client, names []string) (f found, err error) {
		lists, err := worklists(ctx, c, names)
		if err != nil {
			return f, err
		}
		blocks := []v1alpha1.Block{}
		for _, wl := range lists {
			if wl.Status.Phase().Over() && len(names) == 0 {
				continue
			}
			for b, err := range c.Blocks(ctx, wl.Name) {
				if err != nil {
					return f, err
				}
				blocks = append(blocks, *b)
			}
		}
		for _, b := range blocks {
			s, deadline := &b.Status, ""
			if s.Deadline != nil {
				deadline = s.Deadline.Format("15:04:05")
			}
			f.rows = append(f.rows, row{name: b.Name,
				cells: []string{b.Name, s.Ready, string(s.Phase()), fmt.Sprint(s.Restarts), fmt.Sprint(*s.Index), fmt.Sprint(*s.Size)},
				wide:  []string{b.Spec.Worker, fmt.Sprint(s.Done), deadline, s.Reason()}})
		}
		f.object = v1alpha1.BlockList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "BlockList"}, Items: blocks}
		return f, nil
	}}
