package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"k8s.io/apimachinery/pkg/util/duration"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/jobfile"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

func (a *API) registerExplanations(api huma.API) {
	const tag = "Explanations"
	huma.Register(api, operation(tag, http.MethodGet, "/v1/explanation", "explain-cluster", "Can any node be lost, and what waits?"),
		func(ctx context.Context, _ *struct{}) (*answer[v1.Explanation], error) {
			return a.explain(ctx, func(e *explanation) error {
				voters := 0
				if e.current {
					voters = a.voters(ctx)
				}
				return e.cluster(voters)
			})
		})
	huma.Register(api, operation(tag, http.MethodGet, "/v1/jobs/{name}/explanation", "explain-job", "Why does a job (not) run?"),
		func(ctx context.Context, in *JobPath) (*answer[v1.Explanation], error) {
			return a.explain(ctx, func(e *explanation) error { return e.job(in.Name) })
		})
	huma.Register(api, operation(tag, http.MethodGet, "/v1/nodes/{name}/explanation", "explain-node", "Why does a node (not) run anything, and what if it is lost?"),
		func(ctx context.Context, in *NodePath) (*answer[v1.Explanation], error) {
			return a.explain(ctx, func(e *explanation) error { return e.node(in.Name) })
		})
	file := operation(tag, http.MethodPost, "/v1/explanation", "explain-file", "Would the jobs of a file fit, and where?")
	file.SkipValidateBody = true
	file.MaxBodyBytes = 2 * jobfile.MaxSize
	huma.Register(api, file, func(ctx context.Context, in *JobFile) (*answer[v1.Explanation], error) {
		return a.explain(ctx, func(e *explanation) error {
			file, _, err := in.read(a.IngressPorts)
			if err != nil {
				return err
			}
			applied, err := a.apply(ctx, file, Room{Wait: true, DryRun: true})
			if err == nil {
				e.forecast(applied.Forecast)
			}
			return err
		})
	})
}

// explain makes an explanation of the state as it is.
func (a *API) explain(ctx context.Context, tell func(*explanation) error) (*answer[v1.Explanation], error) {
	_, silent := a.etcdAnswers.since(ctx, time.Now().Add(-fresh))
	done, err := a.search(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	v, err := a.view()
	if err != nil {
		return nil, problem(err)
	}
	e := &explanation{view: v, now: time.Now(), current: silent == nil}
	if !e.current {
		e.say("Etcd does not answer: until it does nothing is decided, and nodes that cannot renew their leases stop what they run. This is how things stood before.")
	}
	if err := tell(e); err != nil {
		return nil, problem(err)
	}
	return &answer[v1.Explanation]{v1.Explanation{Sentences: e.sentences}}, nil
}

// Whoever may look may have it searched what would fit where. So not more than these go on at once, or the node would have no time left for what it
// is there for; others wait for their turn, so long.
const (
	searchesAtOnce = 2
	turnWithin     = 10 * time.Second
)

// search waits for the turn to search, and begins. done ends it.
func (a *API) search(ctx context.Context) (done func(), err error) {
	enough := time.NewTimer(turnWithin)
	defer enough.Stop()
	select {
	case a.searches <- struct{}{}:
		return func() { <-a.searches }, nil
	case <-ctx.Done():
	case <-enough.C:
	}
	return nil, again(v1.Busy.New("node %s works on %d other explanations already", a.Node, searchesAtOnce))
}

// explanation is one in the making.
type explanation struct {
	*view
	now       time.Time
	current   bool // etcd has answered just now
	sentences []string
}

func (e *explanation) say(format string, args ...any) {
	e.sentences = append(e.sentences, fmt.Sprintf(format, args...))
}

// number writes a number with what there is so many of.
func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

// voters is how many members of etcd have a vote; 0 if that is not known.
func (a *API) voters(ctx context.Context) (n int) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	list, err := a.Etcd.MemberList(ctx)
	if err != nil {
		return 0
	}
	for _, m := range list.Members {
		if !m.IsLearner {
			n++
		}
	}
	return n
}

// cluster tells what waits, and what would be lost with each node, where etcd has so many members.
func (e *explanation) cluster(voters int) error {
	for i := range e.Nodes {
		if !e.Nodes[i].Alive() {
			e.say("Node %s is lost. `ozymandias delete node %s` forgets it, if it is for good.", e.Nodes[i].Name, e.Nodes[i].Name)
		}
	}
	for _, in := range e.instances {
		if _, waits := e.waits[schedule.Instance{Job: in.UID, ID: in.ID}]; waits && !in.Leaving {
			e.say("Waiting: %s.", in.Message)
		}
	}
	losses, err := e.losses()
	if err != nil {
		return err
	}
	safe := 0
	for _, loss := range losses {
		lines := loss.Lines()
		for _, line := range lines {
			e.say("%s.", upper(line))
		}
		if len(lines) == 0 {
			safe++
		}
	}
	switch alive := e.alive(); {
	case alive == 0:
		e.say("There is no node: start one by `ozymandias node`.")
	case alive == 1:
		e.say("There is one node: nothing runs without it.")
	case safe == len(losses):
		e.say("%s", safely(alive, voters))
	}
	return nil
}

// safely says that there is room for what runs on any one of the nodes. Without a majority of etcd's members that is of no use.
func safely(nodes, voters int) string {
	if voters == 1 || voters == 2 {
		return fmt.Sprintf("What runs on any one of the %d nodes has a place on the others. But etcd has %s, and nothing runs without %s.",
			nodes, number(voters, "member", "members"), plural(voters, "that", "all %d"))
	}
	return fmt.Sprintf("Any one of the %d nodes may be lost: all that runs has a place on the others.", nodes)
}

// alive is how many nodes are.
func (e *explanation) alive() (n int) {
	for i := range e.Nodes {
		if e.Nodes[i].Alive() {
			n++
		}
	}
	return n
}

// losses are what the loss of each node would mean. Of the only one there is nothing to be said.
func (e *explanation) losses() ([]placement.Loss, error) {
	if e.alive() < 2 {
		return nil, nil
	}
	return schedule.Losses(e.State, e.now)
}

// job tells how a job stands, what of it waits or is not well, and what it would lose with a node.
func (e *explanation) job(name string) error {
	j := e.named(name)
	if j == nil {
		return none("job", name)
	}
	told := e.view.job(j)
	e.standing(&told)
	for _, w := range told.Status.Waits {
		e.say("Waiting: %s.", w.Why)
		e.obstacles(told.UID, w.Instance)
	}
	for _, in := range e.of[j.UID] {
		if _, waits := e.waits[schedule.Instance{Job: in.UID, ID: in.ID}]; !waits && (!in.Healthy || in.Leaving) {
			e.instance(in)
		} else if in.Healthy {
			e.restarts(in)
		}
	}
	table := routes.Of(e.State)
	for _, c := range table.Conflicts {
		if c.Job == name {
			e.say("%s.", c)
		}
	}
	for _, p := range e.ingressProblems(name, table) {
		e.say("The ingress of %s: %s.", strings.Join(p.Nodes, ", "), p.Text)
	}
	losses, err := e.losses()
	if err != nil {
		return err
	}
	for _, loss := range losses {
		loss.Lost = slices.DeleteFunc(loss.Lost, func(w placement.Waiting) bool { return w.Job != name })
		loss.Displaced = slices.DeleteFunc(loss.Displaced, func(w placement.Waiting) bool { return w.Job != name })
		for _, line := range loss.Lines() {
			e.say("%s.", upper(line))
		}
	}
	return nil
}

// standing is how a job stands, in a sentence or two.
func (e *explanation) standing(j *v1.Job) {
	s := &j.Status
	switch s.Phase {
	case v1.Deleting:
		e.say("%s is being deleted: it goes once nothing of it runs; there %s left.", j.Name, plural(len(e.of[j.UID]), "is 1 instance", "are %d instances"))
	case v1.Complete:
		why := s.Message
		if why == "" {
			why = plural(s.Ended, "its instance", "all %d instances") + " ended well"
		}
		e.say("%s is complete: %s.", j.Name, why)
	case v1.Failed:
		e.say("%s has failed: %s.", j.Name, s.Message)
	case v1.Halted:
		other := "`ozymandias rollback " + j.Name + "`"
		if s.Stable == 0 { // it was the first
			other = "what is wrong to be put right"
		}
		e.say("The deploy of revision %d of %s failed: %s. It waits for a new one, or for %s.", s.Deploy.To, j.Name, s.Message, other)
	case v1.Reverting:
		e.say("The deploy of revision %d of %s failed: %s. Its instances go back to revision %d.", s.Deploy.To, j.Name, s.Message, s.Stable)
	case v1.Reverted:
		e.say("The deploy of revision %d of %s failed: %s. Its instances run revision %d again.", s.Deploy.To, j.Name, s.Message, s.Stable)
	case v1.Deploying:
		ago := duration.HumanDuration(max(0, e.now.Sub(s.Deploy.Progress)))
		e.say("Revision %d of %s is being deployed: %d of %d instances are up; the last progress was %s ago.", s.Deploy.To, j.Name, s.Current, s.Wanted, ago)
	default:
		switch {
		case s.Wanted > 0:
			e.say("%d of %s of %s healthy, at revision %d.", s.Healthy, number(s.Wanted, "instance", "instances"), j.Name+is(s.Wanted), j.Revision)
			e.work(j)
		case j.Spec.Worklist == "", j.Spec.Instances() == 0:
			e.say("%s runs nothing: it is to have no instances.", j.Name)
		default:
			e.say("%s runs nothing.", j.Name)
			e.work(j)
		}
	}
}

// work says for how many instances there is work on a job's worklist, or why that is not known.
func (e *explanation) work(j *v1.Job) {
	trouble, n := e.named(j.Name).Trouble, j.Status.Work
	switch {
	case trouble != "":
		e.say("Of its work: %s.", trouble)
	case j.Spec.Worklist == "":
	case n == nil:
		e.say("How much work there is is not known yet: worklist %s is being asked for.", j.Spec.Worklist)
	default:
		e.say("Worklist %s has work for %s.", j.Spec.Worklist, number(*n, "instance", "instances"))
	}
}

// is follows the name of a job of which so many are meant.
func is(n int) string {
	if n == 1 {
		return " is"
	}
	return " are"
}

// plural chooses words by number.
func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf(many, n)
}

// obstacles says for each node what stands in an instance's way.
func (e *explanation) obstacles(uid, name string) {
	for of, w := range e.waits {
		if of.Job == uid && w.Name == name && w.Refusal != nil {
			for _, line := range w.Refusal.Lines() {
				e.say("  %s", line)
			}
		}
	}
}

// instance says what is the matter with one.
func (e *explanation) instance(in v1.Instance) {
	why := ""
	if in.Message != "" {
		why = ": " + strings.TrimRight(in.Message, ".") // as "Trying to pull ..." is
	}
	switch {
	case in.Leaving:
		e.say("%s leaves %s (%s)%s.", in.Name, in.Node, in.Phase, why)
	case in.Phase == v1.Planned:
		e.say("%s is to run on %s, which has not said anything of it yet.", in.Name, in.Node)
	case in.Phase == schedule.Running:
		e.say("%s runs on %s and is not healthy%s.", in.Name, in.Node, why)
	default:
		e.say("%s on %s is %s%s.", in.Name, in.Node, in.Phase, why)
	}
}

// recently is how long it is worth telling that a container was started again, though all is well now.
const recently = 10 * time.Minute

// restarts tells of containers that run because they were started again not long ago: perhaps they go on ending.
func (e *explanation) restarts(in v1.Instance) {
	for _, c := range in.Containers {
		if c.Restarts == 0 || c.Since == nil || e.now.Sub(*c.Since) > recently {
			continue
		}
		code := ""
		if c.ExitCode != nil {
			code = fmt.Sprintf(", after exit code %d", *c.ExitCode)
		}
		e.say("%s of %s was started again %s ago%s; %s in all: see `ozymandias logs --previous %s -c %s`.",
			c.Name, in.Name, duration.HumanDuration(max(0, e.now.Sub(*c.Since))), code, number(c.Restarts, "time", "times"), in.Name, c.Name)
	}
}

// node tells how a node stands, and what would be lost with it.
func (e *explanation) node(name string) error {
	n := e.Node(name)
	if n == nil {
		return none("node", name)
	}
	told := e.tell(n)
	switch told.Phase {
	case v1.Away:
		e.say("%s is lost: its lease has ended. What it was to run is placed elsewhere as far as there is room.", name)
		return nil
	case v1.Unfit:
		e.say("%s lives and can run nothing: %s.", name, told.Message)
	case v1.Drained:
		e.say("%s is drained: nothing runs there, and nothing new comes. `ozymandias undrain %s` opens it.", name, name)
	case v1.Draining:
		left := 0
		for _, in := range e.instances {
			if in.Node == name {
				left++
			}
		}
		e.say("%s is draining: %s left there.", name, plural(left, "1 instance is", "%d instances are"))
	default:
		e.say("%s is ready: %s planned there, with %s of %s of memory.", name, plural(told.Instances, "1 instance is", "%d instances are"), told.Planned.Memory, told.Capacity.Memory)
	}
	for _, w := range told.Stuck {
		e.say("It cannot be emptied: %s.", w.Why)
	}
	for _, text := range told.IngressProblems {
		e.say("Its ingress: %s.", text)
	}
	losses, err := e.losses()
	if err != nil {
		return err
	}
	for _, loss := range losses {
		if loss.Node != name || loss.Instances == 0 {
			continue
		}
		lines := loss.Lines()
		for _, line := range lines {
			e.say("%s.", upper(line))
		}
		if len(lines) == 0 {
			e.say("If it dies, all that it runs has a place on other nodes.")
		}
	}
	return nil
}

// forecast tells where the jobs of a file would go.
func (e *explanation) forecast(f v1.Forecast) {
	if len(f.Waits) == 0 {
		e.say("It fits.")
	} else {
		e.say("It does not fit: %s would have to wait.", number(len(f.Waits), "instance", "instances"))
	}
	for _, w := range f.Waits {
		e.say("%s.", w.Why)
	}
	for _, p := range f.Placed {
		e.say("%s would go to %s.", p.Instance, p.Node)
	}
	for _, m := range f.Moves {
		e.say("%s would move from %s to %s: %s.", m.Instance, m.From, m.To, m.Why)
	}
	if len(f.Waits)+len(f.Placed)+len(f.Moves) == 0 {
		e.say("Nothing would change.")
	}
}

// upper begins a sentence.
func upper(s string) string { return string(s[0]-'a'+'A') + s[1:] }
