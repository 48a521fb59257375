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
	listing.AddTo(cmd, g.withClient,
		completed(jobKind, g.completeJobs()), completed(instanceKind, g.completeInstances()), completed(nodeKind, g.completeNodes()),
		completed(eventKind, g.completeJobs()), completed(planKind, g.completeNodes()), completed(imageKind, g.completeImages()),
		completed(secretKind, g.completeSecrets()), completed(tokenKind, g.completeTokens()), completed(certificateKind, g.completeCertificates()))
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

// found are objects with a row of each.
func found[T any](all []T, names []string, row func(T) listing.Row) (f listing.Found) {
	for _, one := range all {
		f.Rows = append(f.Rows, row(one))
	}
	f.Object = object(all, names)
	return f
}

// read is how what is shown is asked for.
type read = func(ctx context.Context, c *client.Client, names []string) (listing.Found, error)

// listed reads what a node lists, and shows all of it or what is named. Rows have the names.
func listed[T any](kind string, list func(*client.Client, context.Context) ([]T, error), row func(T) listing.Row) read {
	return func(ctx context.Context, c *client.Client, names []string) (listing.Found, error) {
		all, err := list(c, ctx)
		if err == nil {
			all, err = only(kind, all, names, func(one T) string { return row(one).Name })
		}
		if err != nil {
			return listing.Found{}, err
		}
		return found(all, names, row), nil
	}
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

// namedOrAll asks for those that are named, one by one, or for all.
func namedOrAll[T any](ctx context.Context, names []string, one func(context.Context, string) (T, error), all func(context.Context) ([]T, error)) (out []T, err error) {
	if len(names) == 0 {
		return all(ctx)
	}
	for _, name := range names {
		t, err := one(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
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
	Read: func(ctx context.Context, c *client.Client, names []string) (listing.Found, error) {
		jobs, err := namedOrAll(ctx, names, c.Job, c.Jobs)
		return found(jobs, names, jobRow), err
	}}

func jobRow(j v1.Job) listing.Row {
	s := j.Status
	var images []string
	for _, c := range j.Spec.Containers {
		images = append(images, c.Image)
	}
	slices.Sort(images)
	return listing.Row{Name: j.Name, Key: j.UID, Created: moment(j.Created),
		Cells: []string{j.Name, string(s.Phase), fmt.Sprintf("%d/%d", s.Healthy, s.Wanted), strconv.Itoa(s.Current), strconv.FormatInt(j.Revision, 10)},
		Wide:  []string{strings.Join(slices.Compact(images), ","), s.Message}}
}

var instanceKind = kind{Plural: "instances", Singular: "instance", Short: "in", About: "List instances", Argument: "JOB_OR_INSTANCE", None: "There are no instances.", Aged: true,
	Header: []string{"NAME", "STATUS", "HEALTHY", "RESTARTS", "NODE"},
	Wide:   []string{"ADDRESS", "REVISION", "EPOCH", "MESSAGE"},
	Read: func(ctx context.Context, c *client.Client, names []string) (listing.Found, error) {
		instances, err := instances(ctx, c, names)
		return found(instances, names, instanceRow), err
	}}

func instanceRow(in v1.Instance) listing.Row {
	name := in.Name
	if in.Leaving {
		name += "@" + in.Node // it may be on its way out of several
	}
	return listing.Row{Name: name, Created: moment(in.Since),
		Cells: []string{in.Name, status(in), yes(in.Healthy), strconv.Itoa(in.Restarts), in.Node},
		Wide:  []string{in.Address, count(in.Revision), count(in.Epoch), in.Message}}
}

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
	Read: func(ctx context.Context, c *client.Client, names []string) (listing.Found, error) {
		nodes, err := namedOrAll(ctx, names, c.Node, c.Nodes)
		return found(nodes, names, nodeRow), err
	}}

func nodeRow(n v1.Node) listing.Row {
	of := func(planned, capacity fmt.Stringer) string { return planned.String() + "/" + capacity.String() }
	return listing.Row{Name: n.Name, Created: moment(n.Since),
		Cells: []string{n.Name, string(n.Phase), strconv.Itoa(n.Instances), of(n.Planned.Memory, n.Capacity.Memory), of(n.Planned.CPUs, n.Capacity.CPUs),
			fmt.Sprintf("%.2f", n.Load)},
		Wide: []string{n.Address, of(n.Planned.Disk, n.Capacity.Disk), labels(n.Labels), n.Message}}
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
	Read: listed("node", (*client.Client).Plans, func(p v1.Plan) listing.Row {
		list := func(items []v1.PlannedItem) string {
			var names []string
			for _, i := range items {
				names = append(names, i.Instance)
			}
			return strings.Join(names, ",")
		}
		return listing.Row{Name: p.Node, Cells: []string{p.Node, strconv.FormatInt(p.Version, 10), list(p.Instances), list(p.Leaving)}}
	})}

var tokenKind = kind{Plural: "tokens", Singular: "token", About: "List tokens, without their secrets", Argument: "NAME", None: "There are no tokens.", Aged: true,
	Header: []string{"NAME", "ROLE"},
	Read: listed("token", (*client.Client).Tokens, func(t v1.Token) listing.Row {
		return listing.Row{Name: t.Name, Created: t.Created, Cells: []string{t.Name, string(t.Role)}}
	})}
