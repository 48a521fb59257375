package api

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
)

// A view is the state as it is told to people.
type view struct {
	schedule.State
	waits    map[schedule.Instance]schedule.Wait
	machines map[string]state.Machine
	lives    map[string]state.Life
	told     []state.Event

	instances []v1.Instance            // by job and ID
	of        map[string][]v1.Instance // by UID
}

// view reads the state.
func (a *API) view() (*view, error) {
	now, _, changed := a.Mirror.State()
	waits, err := a.waiting(now, changed)
	if err != nil {
		return nil, err
	}
	v := &view{State: now, waits: map[schedule.Instance]schedule.Wait{}, machines: a.Mirror.Machines(), lives: a.Mirror.Lives(), told: a.Mirror.Events(),
		of: map[string][]v1.Instance{}}
	for _, w := range waits {
		v.waits[w.Instance] = w
	}
	v.gather()
	return v, nil
}

// waiting is what waits in a state, and why. It is worked out once for each state.
func (a *API) waiting(now schedule.State, changed <-chan struct{}) ([]schedule.Wait, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.waitsNow != changed {
		decision, err := schedule.Decide(now, time.Now())
		if err != nil {
			return nil, err
		}
		a.waits, a.waitsNow = decision.Waits, changed
	}
	return a.waits, nil
}

// gather finds all instances: those that are planned, those that are left somewhere, and those that have no place.
func (v *view) gather() {
	placed := map[schedule.Instance]bool{}
	for i := range v.Nodes {
		n := &v.Nodes[i]
		current := n.Current()
		for _, p := range n.Plan.Instances {
			placed[p.Instance] = true
			in := v.instance(p.Instance, n.Name, p.Revision, p.Epoch)
			c, reported := n.Report.Instances[p.Instance]
			switch {
			case !current:
				in.Phase = v1.Lost
			case reported && c.Epoch == p.Epoch:
				v.fill(&in, c)
				if c.Phase == schedule.Waiting && in.Message == "" {
					in.Message = v.WaitsFor(n.Name, p)
				}
			default:
				in.Phase = v1.Planned
			}
			if w, waits := v.waits[p.Instance]; waits && in.Message == "" {
				in.Message = w.Why
			}
			if in.Phase == v1.Lost && in.Message == "" {
				in.Message = n.Name + " is lost: another place is yet to be decided"
			}
			v.instances = append(v.instances, in)
		}
		for of, c := range n.Report.Instances {
			if !current || !slices.ContainsFunc(n.Plan.Instances, func(p schedule.Planned) bool { return p.Instance == of && p.Epoch == c.Epoch }) {
				in := v.instance(of, n.Name, c.Revision, c.Epoch)
				in.Leaving = true
				v.fill(&in, c)
				v.instances = append(v.instances, in)
			}
		}
	}
	for of, w := range v.waits {
		if !placed[of] {
			in := v.instance(of, "", 0, 0)
			in.Phase, in.Message = v1.Unplaced, w.Why
			v.instances = append(v.instances, in)
		}
	}
	slices.SortFunc(v.instances, inOrder)
	for _, in := range v.instances {
		v.of[in.UID] = append(v.of[in.UID], in)
	}
}

// ended are those that ended for good and are not on any node any more; by job and ID, too. A job may have ten thousand.
func (v *view) ended() (all []v1.Instance) {
	for i := range v.Jobs {
		all = append(all, v.ends(&v.Jobs[i])...)
	}
	slices.SortFunc(all, inOrder)
	return all
}

func inOrder(a, b v1.Instance) int {
	return cmp.Or(placement.Name{Job: a.Job, ID: a.ID}.Compare(placement.Name{Job: b.Job, ID: b.ID}), strings.Compare(a.UID, b.UID),
		cmp.Compare(b.Epoch, a.Epoch), strings.Compare(a.Node, b.Node))
}

// ends are the instances of a job that have ended for good and are not on any node any more.
func (v *view) ends(j *schedule.Job) (ended []v1.Instance) {
	left := map[string]bool{}
	for _, in := range v.of[j.UID] {
		left[in.ID] = true
	}
	for id, end := range j.Ended {
		if left[id] {
			continue
		}
		in := v.instance(schedule.Instance{Job: j.UID, ID: id}, end.Node, cmp.Or(end.Revision, j.Target()), 0)
		in.Phase, in.Since, in.ExitCode = schedule.Phase(end.Outcome), moment(end.At), &end.Code
		if end.Code != 0 {
			in.Message = fmt.Sprintf("it ended with exit code %d", end.Code)
		}
		ended = append(ended, in)
	}
	return ended
}

func (v *view) instance(i schedule.Instance, node string, revision, epoch int64) v1.Instance {
	name := i.Job // of a job that is gone, and of which something is left
	if j := v.Job(i.Job); j != nil {
		name = j.Spec.Name
	}
	return v1.Instance{Name: placement.Name{Job: name, ID: i.ID}.String(), Job: name, ID: i.ID, UID: i.Job, Node: node, Revision: revision, Epoch: epoch}
}

// fill adds what a node reports.
func (v *view) fill(in *v1.Instance, c schedule.Condition) {
	in.Phase, in.Healthy, in.Address, in.Restarts, in.Message, in.Since = c.Phase, c.Healthy, c.Address, c.Restarts, c.Message, moment(c.Since)
	for _, name := range slices.Sorted(maps.Keys(c.Containers)) {
		one := c.Containers[name]
		out := v1.Container{Name: name, State: string(one.State), Restarts: one.Restarts, Healthy: one.Healthy, Message: one.Message, Since: moment(one.Since)}
		if one.State == schedule.ContainerEnded || one.Restarts > 0 {
			out.ExitCode = &one.ExitCode
		}
		in.Containers = append(in.Containers, out)
	}
}

// moment is nil for the zero time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// find is the instance of that name: of several, one that is to stay.
func (v *view) find(name string) (found v1.Instance, ok bool) {
	for _, in := range slices.Concat(v.instances, v.ended()) {
		if in.Name == name && (!ok || found.Leaving || found.Node == "") {
			found, ok = in, true
		}
	}
	return found, ok
}

// split is the instance of a name JOB-ID, whether there is one or not, of a job that there is. The ID can be the name of a file.
func (v *view) split(name string) (schedule.Instance, bool) {
	for at := len(name) - 1; at > 0; at-- {
		if id := name[at+1:]; name[at] == '-' && id == filepath.Base(id) && id != "." && id != ".." {
			if j := v.named(name[:at]); j != nil {
				return schedule.Instance{Job: j.UID, ID: id}, true
			}
		}
	}
	return schedule.Instance{}, false
}

// named is the job of that name, one that is not deleted if there is one.
func (v *view) named(name string) *schedule.Job {
	if j := v.Named(name); j != nil {
		return j
	}
	for i := range v.Jobs {
		if j := &v.Jobs[i]; j.Spec.Name == name {
			return j
		}
	}
	return nil
}

// job tells of a job without its instances.
func (v *view) job(j *schedule.Job) v1.Job {
	out := v1.Job{Name: j.Spec.Name, UID: j.UID, Spec: j.Spec, Revision: j.Revision, Created: made(j.UID)}
	s := &out.Status
	s.Stable, s.Ended, s.Work = j.Stable, len(j.Ended), j.Work
	target := j.Target()
	if j.Deploy != nil {
		s.Deploy = &v1.Deploy{From: j.Deploy.From, To: j.Deploy.To, Healthy: j.Deploy.Healthy, Progress: j.Deploy.Progress, Failed: j.Deploy.Failed}
	}
	for _, in := range v.of[j.UID] {
		switch w, waits := v.waits[schedule.Instance{Job: in.UID, ID: in.ID}]; {
		case in.Leaving, j.Extra(in.ID):
			continue
		case waits:
			s.Waits = append(s.Waits, wait(w))
		}
		s.Wanted++
		if in.Phase != v1.Unplaced {
			s.Placed++
		}
		if in.Healthy {
			s.Healthy++
			if in.Revision == target {
				s.Current++
			}
		}
	}
	if s.Phase, s.Message = fortune(j, s); s.Message == "" {
		s.Message = j.Trouble
	}
	return out
}

// made is when a job was, by its UID, which begins with the time (RFC 9562, section 5.7).
func made(uid string) *time.Time {
	id, err := uuid.Parse(uid)
	if err != nil || id.Version() != 7 {
		return nil
	}
	return moment(time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, id[:6]...)))).UTC())
}

// fortune says in a word how a job fares, and why.
func fortune(j *schedule.Job, s *v1.JobStatus) (phase v1.JobPhase, why string) {
	failed := 0
	for _, end := range j.Ended {
		if end.Outcome == schedule.Failed {
			failed++
		}
	}
	switch d := j.Deploy; {
	case j.Deleted:
		return v1.Deleting, "it goes once nothing of it runs"
	case j.Finished && j.Trouble != "":
		return v1.Failed, j.Trouble
	case j.Finished:
		return v1.Complete, "worklist " + j.Spec.Worklist + " is complete"
	case idle(j, s) && j.Trouble != "":
		return v1.Waiting, j.Trouble
	case idle(j, s) && j.Work == nil:
		return v1.Waiting, "worklist " + j.Spec.Worklist + " is being asked for"
	case s.Wanted == 0 && failed > 0:
		return v1.Failed, failedOf(failed)
	case j.Halted():
		return v1.Halted, d.Failed
	case s.Wanted == 0 && s.Ended > 0:
		return v1.Complete, ""
	case j.Reverts() && s.Current == s.Wanted:
		return v1.Reverted, d.Failed
	case j.Reverts():
		return v1.Reverting, d.Failed
	case len(s.Waits) > 0:
		return v1.Waiting, s.Waits[0].Why
	case d != nil && j.Stable != j.Revision && s.Wanted > 0:
		return v1.Deploying, ""
	case s.Healthy < s.Wanted:
		return v1.Degraded, ""
	}
	return v1.Running, ""
}

// idle tells whether a job has no instances because of its worklist.
func idle(j *schedule.Job, s *v1.JobStatus) bool {
	return j.Spec.Worklist != "" && s.Wanted == 0 && (j.Spec.Unbounded() || j.Spec.Instances() > 0)
}

func failedOf(n int) string {
	if n == 1 {
		return "an instance has used up its tries"
	}
	return "instances have used up their tries"
}

func wait(w schedule.Wait) v1.Wait {
	return v1.Wait{Instance: w.Name, Node: w.Node, Verdict: string(w.Verdict), Why: w.Why}
}

func resources(r placement.Resources) v1.Resources {
	return v1.Resources{Memory: job.Size(r.Memory), CPUs: job.CPUs(r.CPU), Disk: job.Size(r.Disk)}
}
