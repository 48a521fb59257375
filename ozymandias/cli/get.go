package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/listing"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
)

// kind is what `get` shows of objects of a kind.
type kind = listing.Kind[*client.Client]

func getCommand(g *global) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "get (jobs | instances | nodes | ...) [NAME...]",
		Short:      "List jobs, instances, nodes and whatever else there is",
		SuggestFor: []string{"list", "ls", "ps", "status"},
		Example: `  ozymandias get jobs,instances,nodes
  ozymandias get job/webapp instance/webapp-0
  ozymandias get instances webapp -o wide
  ozymandias get job webapp -o yaml
  ozymandias get instances --watch`,
	}
	completed := func(k kind, by cobra.CompletionFunc) kind {
		k.Complete = by
		return k
	}
	listing.AddTo(cmd, g.withClient, completed(jobKind, g.completeJobs), completed(instanceKind, g.completeInstances), completed(nodeKind, g.completeNodes),
		completed(eventKind, g.completeJobs), completed(planKind, g.completeNodes), completed(imageKind, g.completeImages), completed(secretKind, g.completeSecrets), completed(tokenKind, g.completeTokens),
		completed(certificateKind, g.completeCertificates))
	return cmd
}

// object is what -o json and yaml show: one that was named by itself, otherwise a list.
func object[T any](items []T, names []string) any {
	if len(names) == 1 && len(items) == 1 {
		return items[0]
	}
	if items == nil {
		items = []T{}
	}
	return v1.List[T]{Items: items}
}

// only are those that are named, or all.
func only[T any](kind string, all []T, names []string, name func(T) string) (out []T, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, wanted := range names {
		at := slices.IndexFunc(all, func(one T) bool { return name(one) == wanted })
		if at < 0 {
			return nil, v1.NotFound.New("there is no %s %q", kind, wanted)
		}
		out = append(out, all[at])
	}
	return out, nil
}

// moment is a time that may not be known.
func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

var jobKind = kind{Plural: "jobs", Singular: "job", About: "List jobs", Argument: "NAME", None: "There are no jobs.", Aged: true,
	Header: []string{"NAME", "STATUS", "HEALTHY", "CURRENT", "REVISION"},
	Wide:   []string{"IMAGES", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		jobs, err := jobs(ctx, c, names)
		if err != nil {
			return f, err
		}
		for _, j := range jobs {
			s := j.Status
			var images []string
			for _, c := range j.Spec.Containers {
				images = append(images, c.Image)
			}
			slices.Sort(images)
			f.Rows = append(f.Rows, listing.Row{Name: j.Name, Key: j.UID, Created: moment(j.Created),
				Cells: []string{j.Name, string(s.Phase), fmt.Sprintf("%d/%d", s.Healthy, s.Wanted), strconv.Itoa(s.Current), strconv.FormatInt(j.Revision, 10)},
				Wide:  []string{strings.Join(slices.Compact(images), ","), s.Message}})
		}
		f.Object = object(jobs, names)
		return f, nil
	}}

// jobs are those named, or all.
func jobs(ctx context.Context, c *client.Client, names []string) (out []v1.Job, err error) {
	if len(names) == 0 {
		return c.Jobs(ctx)
	}
	for _, name := range names {
		j, err := c.Job(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, j)
	}
	return out, nil
}

var instanceKind = kind{Plural: "instances", Singular: "instance", Short: "in", About: "List instances", Argument: "JOB_OR_INSTANCE", None: "There are no instances.", Aged: true,
	Header: []string{"NAME", "STATUS", "HEALTHY", "RESTARTS", "NODE"},
	Wide:   []string{"ADDRESS", "REVISION", "EPOCH", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		instances, err := instances(ctx, c, names)
		if err != nil {
			return f, err
		}
		for _, in := range instances {
			name := in.Name
			if in.Leaving {
				name += "@" + in.Node // it may be on its way out of several
			}
			f.Rows = append(f.Rows, listing.Row{Name: name, Created: moment(in.Since),
				Cells: []string{in.Name, status(in), yes(in.Healthy), strconv.Itoa(in.Restarts), in.Node},
				Wide:  []string{in.Address, count(in.Revision), count(in.Epoch), in.Message}})
		}
		f.Object = object(instances, names)
		return f, nil
	}}

// instances are all, or those that are named: by themselves, or by their jobs.
func instances(ctx context.Context, c *client.Client, names []string) ([]v1.Instance, error) {
	all, err := c.Instances(ctx, "", "")
	if err != nil || len(names) == 0 {
		return all, err
	}
	var out []v1.Instance
	for _, name := range names {
		name = bare("job", bare("instance", name))
		before := len(out)
		for _, in := range all {
			if in.Name == name || in.Job == name {
				out = append(out, in)
			}
		}
		if len(out) == before {
			if _, err := c.Job(ctx, name); err == nil {
				continue // a job without any
			}
			return nil, v1.NotFound.New("there is no instance %q, and no job of that name", name)
		}
	}
	return out, nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// count is "" of 0, which means that there is none.
func count(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

var nodeKind = kind{Plural: "nodes", Singular: "node", Short: "no", About: "List nodes", Argument: "NAME", None: "There are no nodes.", Aged: true,
	Header: []string{"NAME", "STATUS", "INSTANCES", "MEMORY", "CPUS", "LOAD"},
	Wide:   []string{"ADDRESS", "DISK", "LABELS", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		nodes, err := nodes(ctx, c, names)
		if err != nil {
			return f, err
		}
		for _, n := range nodes {
			f.Rows = append(f.Rows, listing.Row{Name: n.Name, Created: moment(n.Since),
				Cells: []string{n.Name, string(n.Phase), strconv.Itoa(n.Instances), fmt.Sprintf("%s/%s", n.Planned.Memory, n.Capacity.Memory),
					fmt.Sprintf("%s/%s", n.Planned.CPUs, n.Capacity.CPUs), fmt.Sprintf("%.2f", n.Load)},
				Wide: []string{n.Address, fmt.Sprintf("%s/%s", n.Planned.Disk, n.Capacity.Disk), labels(n.Labels), n.Message}})
		}
		f.Object = object(nodes, names)
		return f, nil
	}}

// nodes are those named, or all.
func nodes(ctx context.Context, c *client.Client, names []string) (out []v1.Node, err error) {
	if len(names) == 0 {
		return c.Nodes(ctx)
	}
	for _, name := range names {
		n, err := c.Node(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// labels writes them as one gives them.
func labels(m map[string]string) string {
	var all []string
	for name, value := range m {
		all = append(all, name+"="+value)
	}
	slices.Sort(all)
	return strings.Join(all, ",")
}

var eventKind = kind{Plural: "events", Singular: "event", Short: "ev", About: "List what was decided lately", Argument: "JOB", None: "Nothing was decided lately.",
	Header: []string{"TIME", "NODE", "EVENT"},
	Wide:   []string{"JOB", "DECISION"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		var events []v1.Event
		if len(names) == 0 {
			names = []string{""}
		}
		for _, job := range names {
			some, err := c.Events(ctx, job, "")
			if err != nil {
				return f, err
			}
			events = append(events, some...)
		}
		of := map[int64]int{} // how many of a decision, as the oldest of those go
		for _, e := range events {
			f.Rows = append(f.Rows, listing.Row{Name: fmt.Sprint(e.Version, ".", of[e.Version]),
				Cells: []string{e.Time.Local().Format(time.TimeOnly), e.Node, e.Text}, Wide: []string{e.Job, strconv.FormatInt(e.Version, 10)}})
			of[e.Version]++
		}
		f.Object = object(events, nil)
		return f, nil
	}}

var planKind = kind{Plural: "plans", Singular: "plan", About: "List what each node is to run", Argument: "NODE", None: "There are no plans.",
	Header: []string{"NODE", "VERSION", "INSTANCES", "LEAVING"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		plans, err := c.Plans(ctx)
		if err == nil {
			plans, err = only("node", plans, names, func(p v1.Plan) string { return p.Node })
		}
		if err != nil {
			return f, err
		}
		for _, p := range plans {
			list := func(items []v1.PlannedItem) string {
				var names []string
				for _, i := range items {
					names = append(names, i.Instance)
				}
				return strings.Join(names, ",")
			}
			f.Rows = append(f.Rows, listing.Row{Name: p.Node, Cells: []string{p.Node, strconv.FormatInt(p.Version, 10), list(p.Instances), list(p.Leaving)}})
		}
		f.Object = object(plans, names)
		return f, nil
	}}

var tokenKind = kind{Plural: "tokens", Singular: "token", About: "List tokens, without their secrets", Argument: "NAME", None: "There are no tokens.", Aged: true,
	Header: []string{"NAME", "ROLE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (f listing.Found, err error) {
		tokens, err := c.Tokens(ctx)
		if err == nil {
			tokens, err = only("token", tokens, names, func(t v1.Token) string { return t.Name })
		}
		if err != nil {
			return f, err
		}
		for _, t := range tokens {
			f.Rows = append(f.Rows, listing.Row{Name: t.Name, Created: t.Created, Cells: []string{t.Name, string(t.Role)}})
		}
		f.Object = object(tokens, names)
		return f, nil
	}}
