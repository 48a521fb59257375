package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/storytest"
)

// The stories are scripts: what happens, line by line, and after each line, behind ">", what is answered. In them there are
//
//	node n1 memory=4G zone=a         a node that comes up, or changes
//	job web x3 memory=2G image=v2    a job that is put; see job below for its words
//	scale web 5 / remove web / drain n1 / undrain n1
//	rollback web                     answers why it cannot be
//	lose n1 / boot n1                its lease ends; its process comes back
//	work                             all machines do what they are to do
//	read n1 / stop n1 / start n1 / heal n1 / report n1    one does a part of it
//	sick n1 / slow n1                what it starts does not become healthy; goes on starting
//	end web-0 / break web-0 / break-down web-0 / run-again web-0
//	unfit n1 no disk / fit n1        it can run nothing, and says why
//	load n1 1.7                      its load
//	forget n1                        it is known no more
//	wipe n1                          what was on its disk is gone
//	work-for primes 3 / finish primes
//	pass 10m
//	decide                           answers what happens and what waits
//	stale n1                         answers the volumes that are left over, and why
//	clean n1                         has it remove them
//	volumes                          answers those that living nodes say they have, with their epochs
//	partial                          there are records that cannot be read
//	decide 2                         writes two records of it at most
//	waits-for n1                     answers what a machine does not start, and why
//	plans                            answers the plans
//	settle                           decides and works until nothing changes, and answers all that happens
//	preview COMMAND, losses
func TestStories(t *testing.T) {
	storytest.Script(t, "testdata/*.txt", func(t *testing.T) func(string) []string {
		w := newWorld(t.Fatalf)
		return func(line string) []string {
			answer := w.command(t, line)
			w.check()
			return answer
		}
	})
}

func (w *world) command(t *testing.T, line string) (lines []string) {
	words := strings.Fields(line)
	verb, args := words[0], words[1:]
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	switch verb {
	case "read":
		w.read(name)
	case "stop":
		w.stop(name)
	case "start":
		w.start(name)
	case "heal":
		w.heal(name)
	case "report":
		w.report(name)
	case "work":
		w.work()
	case "lose":
		w.lose(name)
	case "boot":
		w.boot(name)
	case "sick":
		w.machine(name).sick = true
	case "slow":
		w.machine(name).slow = true
	case "end":
		w.phase(name, Ended)
	case "break-down":
		w.phase(name, BackOff)
	case "run-again":
		w.phase(name, Running)
	case "break":
		w.phase(name, Broken)
	case "pass":
		pass, err := time.ParseDuration(name)
		if err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(pass)
	case "plans":
		return w.plans()
	case "unfit":
		w.machine(name).unfit = strings.Join(args[1:], " ")
		w.report(name)
	case "fit":
		w.machine(name).unfit = ""
		w.report(name)
	case "load":
		w.Node(name).Load, _ = strconv.ParseFloat(args[1], 64)
	case "forget":
		w.forget(name)
	case "wipe":
		delete(w.disks, name)
	case "rollback":
		next, err := w.RollBack(name)
		if err != nil {
			return []string{err.Error()}
		}
		w.State = next
	case "partial":
		w.Partial = true
	case "stale":
		for _, v := range Stale(w.State, name) {
			lines = append(lines, fmt.Sprintf("%s %s: %s", w.called(v.Instance), v.Name, v.Why))
		}
		return lines
	case "clean":
		w.clean(name, w.State)
	case "volumes":
		return w.volumes()
	case "decide":
		w.atOnce, _ = strconv.Atoi(name)
		d, _ := w.decide(w.current())
		w.atOnce = 0
		return w.words(d)
	case "settle":
		return w.settled()
	case "waits-for":
		return w.waitsFor(name)
	case "losses":
		return w.losses()
	case "preview":
		return w.preview(t, args)
	default:
		w.State = w.changed(t, words)
		if verb == "node" && !w.Node(name).Alive() {
			w.boot(name)
		}
	}
	return nil
}

// changed is the state with a change that a person makes.
func (w *world) changed(t *testing.T, words []string) State {
	s, args := w.State, words[1:]
	var err error
	switch words[0] {
	case "node":
		n := s.Node(args[0])
		s.Nodes = slices.Clone(s.Nodes)
		if n == nil {
			s.Nodes = append(s.Nodes, Node{Name: args[0]})
		}
		n = s.Node(args[0])
		n.Labels = map[string]string{}
		n.Capacity = placement.Resources{Memory: 1e10, Disk: 1e11, CPU: 4000}
		for _, arg := range args[1:] {
			switch key, value, _ := strings.Cut(arg, "="); key {
			case "memory":
				n.Capacity.Memory = size(t, value)
			case "disk":
				n.Capacity.Disk = size(t, value)
			default:
				n.Labels[key] = value
			}
		}
	case "job":
		s = s.Put(fmt.Sprintf("%s.%d", args[0], len(s.Jobs)), parseJob(t, args))
	case "work-for":
		s.Jobs = slices.Clone(s.Jobs)
		n, _ := strconv.Atoi(args[1])
		s.Named(args[0]).Work = &n
	case "finish":
		s.Jobs = slices.Clone(s.Jobs)
		s.Named(args[0]).Finished = true
	case "scale":
		n, _ := strconv.Atoi(args[1])
		s, err = s.Scale(args[0], n)
	case "remove":
		s, err = s.Remove(args[0])
	case "drain", "undrain":
		s, err = s.Drain(args[0], words[0] == "drain")
	default:
		t.Fatalf("%q?", words)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func size(t *testing.T, text string) int64 {
	n, err := job.ParseSize(text)
	if err != nil {
		t.Fatal(err)
	}
	return int64(n)
}

func parseJob(t *testing.T, args []string) job.Job {
	j := job.Job{Name: args[0]}
	c := job.Container{Image: "v1", Memory: 1e9}
	number := func(text string) int {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, arg := range args[1:] {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "daemon":
			j.Daemon = true
		case "memory":
			c.Memory = job.Size(size(t, value))
		case "cpus":
			c.CPUs = job.CPUs(number(value) * 1000)
		case "image":
			c.Image = value
		case "priority":
			j.Priority = number(value)
		case "worklist":
			j.Worklist = value
		case "surge":
			j.Update.MaxSurge = number(value)
		case "unavailable":
			j.Update.MaxUnavailable = number(value)
		case "stop-first":
			j.Update.Order = job.StopFirst
		case "halt":
			j.Update.Rollback = new(false)
		case "sticky":
			c.Volumes = append(c.Volumes, job.Volume{Path: "/local", Name: "local", Space: job.Size(size(t, value)), Sticky: true})
		case "local", "shared":
			c.Volumes = append(c.Volumes, job.Volume{Type: job.VolumeType(key), Path: "/" + key, Name: key, Space: job.Size(size(t, value))})
		case "port":
			p, err := job.ParsePort(value)
			if err != nil {
				t.Fatal(err)
			}
			c.Ports = append(c.Ports, p)
		case "requires":
			label, value, _ := strings.Cut(value, ":")
			j.Placement.Requires = job.Labels{label: value}
		case "per-node":
			j.Placement.MaxPerNode = number(value)
		case "restart":
			c.Restart.Policy = job.RestartPolicy(value)
		default:
			n := number(strings.TrimPrefix(arg, "x"))
			j.NumInstances = &n
		}
	}
	j.Containers = map[string]job.Container{"main": c}
	j = j.Default()
	if err := j.Validate(); err != nil {
		t.Fatal(err)
	}
	return j
}

func (w *world) phase(name string, p Phase) {
	for _, m := range w.machines {
		for i, c := range m.runs {
			if w.called(i) == name {
				c.Phase, c.Healthy, c.Settled, c.Since = p, false, false, w.now
				m.runs[i] = c
				w.report(m.node)
			}
		}
	}
}

func (w *world) waitsFor(name string) (lines []string) {
	for _, p := range w.machine(name).seen.Instances {
		if why := w.view(name).WaitsFor(name, p); why != "" {
			lines = append(lines, w.called(p.Instance)+" waits: "+why)
		}
	}
	return lines
}

func (w *world) words(d Decision) (lines []string) {
	for _, e := range d.Events {
		lines = append(lines, e.Text)
	}
	for _, x := range d.Waits {
		lines = append(lines, "waits: "+x.Why)
	}
	if !d.Again.IsZero() {
		lines = append(lines, "again in "+d.Again.Sub(w.now).String())
	}
	return lines
}

func (w *world) settled() (lines []string) {
	for range 100 {
		before := fmt.Sprint(w.State)
		d, _ := w.decide(w.current())
		for _, e := range d.Events {
			lines = append(lines, e.Text)
		}
		w.work()
		if fmt.Sprint(w.State) == before {
			for _, x := range d.Waits {
				lines = append(lines, "waits: "+x.Why)
			}
			return lines
		}
	}
	w.fatal("no end: %v", w.State)
	return nil
}

func (w *world) preview(t *testing.T, words []string) (lines []string) {
	f, err := Preview(w.State, w.changed(t, words), w.now)
	if err != nil {
		t.Fatal(err)
	}
	lines = append(lines, string(f.Verdict))
	for _, p := range f.Placed {
		lines = append(lines, fmt.Sprintf("%s goes to %s", p.Name, p.Node))
	}
	for _, m := range f.Moves {
		lines = append(lines, fmt.Sprintf("%s moves from %s to %s: %s", m.Name, m.From, m.To, m.Why))
	}
	for _, x := range f.Waits {
		lines = append(lines, x.Why)
	}
	return lines
}

func (w *world) losses() (lines []string) {
	losses, err := Losses(w.State, w.now)
	if err != nil {
		w.fatal("%v", err)
	}
	for _, l := range losses {
		lines = append(lines, l.Lines()...)
	}
	return lines
}
