package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/text"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/job"
)

func describeCommand(g *global) *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME", Short: "Tell all about a job, an instance or a node", Args: one, ValidArgsFunction: g.completeKinds,
		Example: `  ozymandias describe webapp
  ozymandias describe instance webapp-0
  ozymandias describe node n1`,
		RunE: g.withClient(func(ctx context.Context, c *client.Client, cmd *cobra.Command, args []string) error {
			of, err := meant(ctx, c, args)
			if err != nil {
				return err
			}
			describe := describeJob
			switch of.kind {
			case "instance":
				describe = describeInstance
			case "node":
				describe = describeNode
			}
			return describe(ctx, c, page{cmd.OutOrStdout()}, of.name)
		}),
	}
}

// page is a description in the making.
type page struct{ w io.Writer }

// line writes what has a value.
func (p page) line(name, format string, args ...any) {
	if value := fmt.Sprintf(format, args...); value != "" {
		fmt.Fprintf(p.w, "%-14s %s\n", name+":", value)
	}
}

// table writes one below a heading, if it has rows.
func (p page) table(heading string, header []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	fmt.Fprintln(p.w, heading+":")
	t := text.NewTable(indented(p), header...)
	for _, row := range rows {
		t.Row(row...)
	}
	return t.Flush()
}

// list writes lines below a heading, if there are any.
func (p page) list(heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(p.w, heading+":")
	for _, line := range lines {
		fmt.Fprintln(p.w, "  "+line)
	}
}

// indented writes lines two columns in.
type indented struct{ w io.Writer }

func (i indented) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		if _, err := io.WriteString(i.w, "  "+line); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

// since writes a time with how long ago it was.
func since(t *time.Time) string {
	if t == nil {
		return ""
	}
	return fmt.Sprintf("%s (%s ago)", t.UTC().Format(time.RFC3339), text.Age(*t))
}

// amounts writes what of resources there is.
func amounts(r v1.Resources) string {
	var parts []string
	if r.Memory != 0 {
		parts = append(parts, r.Memory.String()+" of memory")
	}
	if r.CPUs != 0 {
		parts = append(parts, r.CPUs.String()+" of cpu")
	}
	if r.Disk != 0 {
		parts = append(parts, r.Disk.String()+" of disk")
	}
	return strings.Join(parts, ", ")
}

func describeJob(ctx context.Context, c *client.Client, p page, name string) error {
	j, err := c.Job(ctx, name)
	if err != nil {
		return err
	}
	s := j.Status
	p.line("Name", "%s", j.Name)
	p.line("UID", "%s", j.UID)
	p.line("Created", "%s", since(j.Created))
	p.line("Status", "%s", s.Phase)
	if len(s.Waits) == 0 { // these are below
		p.line("Message", "%s", s.Message)
	}
	p.line("Instances", "%d wanted, %d placed, %d healthy, %d of these as wanted", s.Wanted, s.Placed, s.Healthy, s.Current)
	p.line("Revision", "%d", j.Revision)
	if s.Stable != 0 && s.Stable != j.Revision {
		p.line("Stable", "%d", s.Stable)
	}
	if d := s.Deploy; d != nil && s.Stable != j.Revision {
		p.line("Deploy", "from revision %d to %d: %d up; last progress %s ago", d.From, d.To, d.Healthy, text.Age(d.Progress))
	}
	p.line("Worklist", "%s", worklist(j))
	p.line("Swarm", "%s", j.Spec.Swarm)
	for _, in := range j.Spec.Ingress {
		p.line("Ingress", "%s", ingress(in))
	}
	needs := j.Spec.Needs()
	p.line("Needs", "%s", amounts(v1.Resources{Memory: needs.Memory, CPUs: needs.CPUs, Disk: needs.Local + needs.Shared}))
	var containers [][]string
	for _, name := range slices.Sorted(maps.Keys(j.Spec.Containers)) {
		one := j.Spec.Containers[name]
		shown := name
		if one.Sidecar != "" {
			shown += " (sidecar)"
		}
		containers = append(containers, []string{shown, one.Image, one.Memory.String(), one.Restart.String()})
	}
	if err := p.table("Containers", []string{"NAME", "IMAGE", "MEMORY", "RESTART"}, containers); err != nil {
		return err
	}
	var instances [][]string
	for _, in := range j.Instances {
		instances = append(instances, []string{in.Name, status(in), yes(in.Healthy), strconv.Itoa(in.Restarts), count(in.Revision), in.Node, text.Age(moment(in.Since))})
	}
	if err := p.table("Instances", []string{"NAME", "STATUS", "HEALTHY", "RESTARTS", "REVISION", "NODE", "AGE"}, instances); err != nil {
		return err
	}
	describeTroubles(p, j)
	var events []string
	for _, e := range j.Events[max(0, len(j.Events)-mostEvents):] {
		events = append(events, e.Time.UTC().Format(time.TimeOnly)+"  "+e.Text)
	}
	p.list("Events", events)
	return nil
}

// describeTroubles says why instances wait, and what ails others and the ingress.
func describeTroubles(p page, j v1.Job) {
	waiting := map[string]bool{}
	var waits, unwell, ingress []string
	for _, w := range j.Status.Waits {
		waiting[w.Instance] = true
		waits = append(waits, w.Why)
	}
	for _, in := range j.Instances {
		if in.Message != "" && !waiting[in.Name] {
			unwell = append(unwell, in.Name+": "+in.Message)
		}
	}
	for _, problem := range j.IngressProblems {
		ingress = append(ingress, strings.Join(problem.Nodes, ", ")+": "+problem.Text)
	}
	p.list("Waiting", waits)
	p.list("Messages", unwell)
	p.list("Ingress problems", ingress)
}

// worklist is that of a job, with how many instances it has work for.
func worklist(j v1.Job) string {
	switch {
	case j.Spec.Worklist == "" || j.Status.Phase == v1.Complete || j.Status.Phase == v1.Failed:
		return j.Spec.Worklist
	case j.Status.Work == nil:
		return j.Spec.Worklist + ", how much work it has is not known yet"
	case *j.Status.Work == 1:
		return j.Spec.Worklist + ", with work for 1 instance"
	}
	return fmt.Sprintf("%s, with work for %d instances", j.Spec.Worklist, *j.Status.Work)
}

// mostEvents is how many are shown of a job.
const mostEvents = 20

// status is an instance's phase, with whether it is about to go.
func status(in v1.Instance) string {
	if in.Leaving {
		return string(in.Phase) + " (leaving)"
	}
	return string(in.Phase)
}

// ingress writes where requests come from and go to.
func ingress(in job.Ingress) string {
	from := fmt.Sprintf("TCP port %d", in.TCP)
	if in.TCP == 0 {
		scheme := "http://"
		if in.TLS != nil {
			scheme = "https://"
		}
		from = scheme + in.Host + in.Path
	}
	return fmt.Sprintf("%s to port %d of %s", from, in.Port, in.Container)
}

func describeInstance(ctx context.Context, c *client.Client, p page, name string) error {
	in, err := c.Instance(ctx, name)
	if err != nil {
		return err
	}
	p.line("Name", "%s", in.Name)
	p.line("Job", "%s", in.Job)
	p.line("Status", "%s", status(in))
	p.line("Healthy", "%s", yes(in.Healthy))
	p.line("Message", "%s", in.Message)
	p.line("Node", "%s", in.Node)
	p.line("Address", "%s", in.Address)
	p.line("Revision", "%s", count(in.Revision))
	p.line("Epoch", "%s", count(in.Epoch))
	p.line("Restarts", "%d", in.Restarts)
	p.line("Since", "%s", since(in.Since))
	if in.ExitCode != nil {
		p.line("Exit code", "%d", *in.ExitCode)
	}
	var rows [][]string
	for _, one := range in.Containers {
		healthy, code := "", ""
		if one.Healthy != nil {
			healthy = yes(*one.Healthy)
		}
		if one.ExitCode != nil {
			code = strconv.Itoa(*one.ExitCode)
		}
		rows = append(rows, []string{one.Name, one.State, healthy, strconv.Itoa(one.Restarts), code, text.Age(moment(one.Since)), one.Message})
	}
	return p.table("Containers", []string{"NAME", "STATE", "HEALTHY", "RESTARTS", "EXIT", "AGE", "MESSAGE"}, rows)
}

func describeNode(ctx context.Context, c *client.Client, p page, name string) error {
	n, err := c.Node(ctx, name)
	if err != nil {
		return err
	}
	instances, err := c.Instances(ctx, "", name)
	if err != nil {
		return err
	}
	sentences, err := c.ExplainNode(ctx, name)
	if err != nil {
		return err
	}
	p.line("Name", "%s", n.Name)
	p.line("Address", "%s", n.Address)
	p.line("Status", "%s", n.Phase)
	p.line("Message", "%s", n.Message)
	p.line("Labels", "%s", labels(n.Labels))
	p.line("Joined", "%s", since(n.Joined))
	p.line("Since", "%s", since(n.Since))
	p.line("Load", "%.2f", n.Load)
	if err := p.table("Resources", []string{"RESOURCE", "PLANNED", "CAPACITY"}, [][]string{
		{"memory", n.Planned.Memory.String(), n.Capacity.Memory.String()},
		{"cpus", n.Planned.CPUs.String(), n.Capacity.CPUs.String()},
		{"disk", n.Planned.Disk.String(), n.Capacity.Disk.String()}}); err != nil {
		return err
	}
	var rows [][]string
	for _, in := range instances {
		rows = append(rows, []string{in.Name, status(in), yes(in.Healthy), strconv.Itoa(in.Restarts), count(in.Revision), text.Age(moment(in.Since))})
	}
	if err := p.table("Instances", []string{"NAME", "STATUS", "HEALTHY", "RESTARTS", "REVISION", "AGE"}, rows); err != nil {
		return err
	}
	var volumes [][]string
	for _, v := range n.Volumes {
		volumes = append(volumes, []string{v.Job, v.ID, v.Name, v.Space.String(), count(v.Epoch), v.LeftOver})
	}
	if err := p.table("Volumes", []string{"JOB", "ID", "NAME", "SPACE", "EPOCH", "LEFT OVER"}, volumes); err != nil {
		return err
	}
	p.list("In short", sentences)
	return nil
}
