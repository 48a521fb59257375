package cli

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/listing"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
)

var worklistKind = kind{Plural: "worklists", Singular: "worklist", Short: "wl", About: "List worklists", Argument: "NAME", None: "There are no worklists.", Aged: true,
	Header: []string{"NAME", "STATUS", "PROGRESS", "SIZE", "FAILED", "BLOCKS", "WORKERS", "RATE"},
	Wide:   []string{"SOURCE", "OWNER", "EPOCH", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
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
			f.Rows = append(f.Rows, listing.Row{Name: wl.Name, Created: wl.CreationTimestamp.Time,
				Cells: []string{wl.Name, string(s.Phase()), v1alpha1.Progress(s.Done, s.Size), text.Count(s.Size), text.Count(s.Failed), text.Count(s.BlocksOut),
					text.Count(s.Workers), text.Rate(s.Rate())},
				Wide: []string{source, s.Owner, text.Count(s.Epoch), s.Reason()}})
			lists[i] = *asWritten(wl)
		}
		f.Object = v1alpha1.WorklistList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "WorklistList"}, Items: lists}
		if len(names) == 1 {
			f.Object = lists[0]
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

var blockKind = kind{Plural: "blocks", Singular: "block", About: "List the blocks that are out or wait to go out again", Argument: "WORKLIST", None: "There are no blocks out.",
	Header: []string{"NAME", "READY", "STATUS", "RESTARTS", "INDEX", "SIZE"},
	Wide:   []string{"WORKER", "DONE", "DEADLINE", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
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
			f.Rows = append(f.Rows, listing.Row{Name: b.Name,
				Cells: []string{b.Name, s.Ready, string(s.Phase()), fmt.Sprint(s.Restarts), fmt.Sprint(*s.Index), fmt.Sprint(*s.Size)},
				Wide:  []string{b.Spec.Worker, fmt.Sprint(s.Done), deadline, s.Reason()}})
		}
		f.Object = v1alpha1.BlockList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: "BlockList"}, Items: blocks}
		return f, nil
	}}
