package converge_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/storytest"
)

// The stories are scripts: what happens, line by line, and after each line, behind ">", what is to be done. In them there are
//
//	job web main[on-failure:2,check,needs=db,healthy=db] db    a job with its containers; keep makes it one that is kept in a partition
//	plan web-0@3 db-0@4,after   the plan, with epochs; db-0 has to wait for n2, which had it
//	gone                        n2's lease ends
//	foreign web-0@3             a plan that is for another incarnation
//	step                        answers what is to be done, and when to look again
//	did web-0                   what is under way is done; failed web-0 why: it failed
//	died web-0 main 3           a container ends with that code; oom web-0 main: for want of memory
//	lost web-0 / removed web-0  its network, its pod; halved web-0 main: one of its containers
//	well web-0 main / unwell web-0 main why
//	pass 5s
//	cease 2s / held / leave
//	restart                     the node's process begins anew, and finds what is there
//	probes                      answers which containers are asked how they are, and which of them are known to be well
//	report                      answers what is reported
func TestStories(t *testing.T) {
	storytest.Script(t, "testdata/*.txt", func(t *testing.T) func(string) []string {
		w := newWorld(t.Fatalf)
		return func(line string) []string { return w.command(t, strings.Fields(line)) }
	})
}

func (w *world) command(t *testing.T, words_ []string) (lines []string) {
	verb, args := words_[0], words_[1:]
	switch verb {
	case "job":
		w.put(w.job(t, args))
		return nil
	case "plan", "foreign":
		var planned []schedule.Planned
		for _, text := range args {
			planned = append(planned, w.planned(t, text))
		}
		w.plan(planned)
		if verb == "foreign" {
			w.here().Plan.Incarnation = "another"
		}
	case "gone":
		w.state.Node("n2").Incarnation = ""
	case "step":
	case "did":
		w.finish(instance(t, args[0]), "", true)
	case "failed":
		w.finish(instance(t, args[0]), strings.Join(args[1:], " "), false)
	case "died", "oom":
		c := w.pods[instance(t, args[0])].containers[args[1]]
		code := 137
		if verb == "died" {
			code = number(t, args[2])
		}
		w.die(c, code)
		c.OutOfMemory = verb == "oom"
		w.machine.Doubt(instance(t, args[0]))
	case "lost":
		w.pods[instance(t, args[0])].lost = true
		w.machine.Doubt(instance(t, args[0]))
	case "removed":
		delete(w.pods, instance(t, args[0]))
		w.machine.Doubt(instance(t, args[0]))
	case "halved":
		delete(w.pods[instance(t, args[0])].containers, args[1])
		return nil
	case "well", "unwell":
		found := false
		for _, p := range w.machine.Probes() {
			if p.Instance == instance(t, args[0]) && p.Container == args[1] {
				w.machine.Verdict(p, verb == "well", strings.Join(args[2:], " "))
				found = true
			}
		}
		if !found {
			t.Fatalf("%s %s is not probed", args[0], args[1])
		}
	case "pass":
		w.now = w.now.Add(span(t, args[0]))
	case "cease":
		w.cease = w.now.Add(span(t, args[0]))
	case "held":
		w.cease = time.Time{}
	case "leave":
		w.leave = true
	case "restart":
		w.restart()
	case "probes":
		for _, p := range w.machine.Probes() {
			line := fmt.Sprintf("%s-%s@%d %s", p.Instance.Job, p.Instance.ID, p.Epoch, p.Container)
			if p.Well {
				line += " well"
			}
			lines = append(lines, line)
		}
		return lines
	case "report":
		return w.conditions()
	default:
		t.Fatalf("what is %q?", verb)
	}
	return w.answer()
}

// answer is what is to be done, and when to look again.
func (w *world) answer() []string {
	lines := words(w.step())
	if !w.again.IsZero() {
		lines = append(lines, "again in "+w.again.Sub(w.now).String())
	}
	return lines
}

// job reads "web main[on-failure:2,check,needs=db] db keep".
func (w *world) job(t *testing.T, args []string) job.Job {
	t.Helper()
	j := job.Job{Name: args[0], Containers: map[string]job.Container{}}
	for _, text := range args[1:] {
		if text == "keep" {
			j.OnPartition = job.Keep
			continue
		}
		name, traits, _ := strings.Cut(strings.TrimSuffix(text, "]"), "[")
		c := job.Container{Image: fmt.Sprint("v", w.state.Version), Memory: 64e6, DependsOn: job.Dependencies{}}
		for trait := range strings.SplitSeq(traits, ",") {
			key, value, _ := strings.Cut(trait, "=")
			switch key {
			case "":
			case "check":
				c.Healthcheck = &job.Healthcheck{Type: job.TCP, Port: 80}
			case "needs":
				c.DependsOn[value] = job.Dependency{Condition: job.Started}
			case "healthy":
				c.DependsOn[value] = job.Dependency{Condition: job.Healthy}
			default:
				restart, err := job.ParseRestart(trait)
				if err != nil {
					t.Fatal(err)
				}
				c.Restart = restart
			}
		}
		j.Containers[name] = c
	}
	return j
}

// planned reads "web-0@3", or "web-0@3,after".
func (w *world) planned(t *testing.T, text string) schedule.Planned {
	t.Helper()
	text, after := strings.CutSuffix(text, ",after")
	name, epoch, _ := strings.Cut(text, "@")
	p := schedule.Planned{Instance: instance(t, name), Epoch: int64(number(t, epoch))}
	p.Revision = w.state.Job(p.Job).Revision
	if after {
		w.state.Nodes = append(w.state.Nodes, schedule.Node{Name: "n2", Incarnation: "n2/1"})
		p.After = []schedule.Place{{Node: "n2", Incarnation: "n2/1", Epoch: p.Epoch - 1, Version: p.Epoch}}
	}
	return p
}

// restart has another process of the node take up what is there.
func (w *world) restart() {
	report := w.machine.Report()
	w.machine = converge.New("n1", "first")
	clear(w.under)
	clear(w.cut)
	for i, p := range w.pods {
		facts := w.facts(i, converge.Action{Instance: i, Epoch: p.epoch})
		w.machine.Adopt(w.now, w.state, converge.Found{Instance: i, Name: i.Job, Epoch: p.epoch, Revision: p.revision, Pod: *facts, Was: report.Instances[i]})
	}
}

// Of several pods of one instance none is taken up, and the first epoch is reported until all of them are removed.
func TestAdoptsNoneOfSeveral(t *testing.T) {
	for _, epochs := range [][]int64{{3, 5}, {5, 3}} {
		w := newWorld(t.Fatalf)
		w.put(w.job(t, []string{"web", "main"}))
		w.plan([]schedule.Planned{w.planned(t, "web-0@5")})
		for _, epoch := range epochs {
			w.machine.Adopt(w.now, w.state, converge.Found{Instance: instance(t, "web-0"), Name: "web", Epoch: epoch, Revision: 1,
				Pod: converge.Pod{Address: "10.0.0.1", Containers: map[string]converge.Facts{"main": {State: converge.Running, Started: w.now}}}})
		}
		lines := w.conditions()
		for range 2 {
			lines = append(lines, w.answer()...)
			w.now = w.now.Add(time.Second)
		}
		lines = append(lines, w.conditions()...)
		w.finish(instance(t, "web-0"), "", true)
		lines = append(append(lines, w.answer()...), w.conditions()...)
		want := []string{"web-0@3 Running healthy", "again in 1s", "remove web-0@3", "web-0@3 Stopping", "make web-0@5", "web-0@5 Starting"}
		if !slices.Equal(lines, want) {
			t.Errorf("found with epochs %v: %q, want %q", epochs, lines, want)
		}
	}
}

// A container that has been started again since it was told of, as a partition keeps from being told, may have been well before: of this start
// nothing is known.
func TestAdoptsAnotherStart(t *testing.T) {
	for later, well := range map[time.Duration]bool{0: true, time.Second: false} {
		w := newWorld(t.Fatalf)
		w.put(w.job(t, []string{"web", "main[check]"}))
		w.plan([]schedule.Planned{w.planned(t, "web-0@5")})
		yes := true
		was := schedule.Condition{Epoch: 5, Revision: 1, Phase: schedule.Running, Healthy: true, Since: w.now,
			Containers: map[string]schedule.ContainerCondition{"main": {State: schedule.ContainerRunning, Healthy: &yes, Since: w.now}}}
		w.machine.Adopt(w.now, w.state, converge.Found{Instance: instance(t, "web-0"), Name: "web", Epoch: 5, Revision: 1, Was: was,
			Pod: converge.Pod{Address: "10.0.0.1", Containers: map[string]converge.Facts{"main": {State: converge.Running, Started: w.now.Add(later)}}}})
		probes := w.machine.Probes()
		if len(probes) != 1 || probes[0].Well != well || w.machine.Report().Instances[instance(t, "web-0")].Healthy != well {
			t.Errorf("started %s later: its probes are %+v, %q", later, probes, w.conditions())
		}
	}
}

// A pod that was left half made is made anew once it is known what it is to run, and not before.
func TestAdoptsTheUnknown(t *testing.T) {
	w := newWorld(t.Fatalf)
	w.put(w.job(t, []string{"web", "main"}))
	w.plan([]schedule.Planned{w.planned(t, "web-0@5")})
	known := w.state.Jobs
	w.state.Jobs = nil
	w.machine.Adopt(w.now, w.state, converge.Found{Instance: instance(t, "web-0"), Name: "web", Epoch: 5, Revision: 1})
	if lines := w.answer(); len(lines) > 0 {
		t.Errorf("of a job that is not known: %q", lines)
	}
	w.state.Jobs = known
	if lines := w.answer(); !slices.Equal(lines, []string{"make web-0@5"}) {
		t.Errorf("of one that is: %q", lines)
	}
}

func instance(t *testing.T, text string) schedule.Instance {
	t.Helper()
	name, id, ok := strings.Cut(text, "-")
	if !ok {
		t.Fatalf("%q is no instance", text)
	}
	return schedule.Instance{Job: name, ID: id}
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func span(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
