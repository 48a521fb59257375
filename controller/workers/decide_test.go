package workers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/diagnosis"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// situation is that of the plain list, where it stands in a phase.
func situation(t *testing.T, phase v1alpha1.Phase, jobs ...batchv1.Job) Situation {
	s := Situation{Now: now, List: read(t, "testdata/pod/plain.yaml"), Image: "teamtask:1", Jobs: jobs}
	if phase != "" {
		s.List.Status.SetPhase(phase, "because", metav1.NewTime(now))
	}
	if phase.Over() {
		s.List.Status.CompletionTime = &metav1.Time{Time: now}
	}
	return s
}

// made is a Job of the plain list as it may be found. A number in its name tells it from the one that is wanted now, which has
// none.
func made(t *testing.T, number string, parallelism, active, ready int32, conditions ...batchv1.JobConditionType) batchv1.Job {
	j := Job(read(t, "testdata/pod/plain.yaml"), "teamtask:1")
	j.Name += number
	setPods(j, parallelism)
	j.Status.Active, j.Status.Ready = active, &ready
	j.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour))
	for _, c := range conditions {
		j.Status.Conditions = append(j.Status.Conditions, batchv1.JobCondition{Type: c, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now)})
	}
	return *j
}

// say tells a plan in words: what is done, and what is then reported.
func say(p Plan) string {
	var out []string
	if p.Account != "" {
		out = append(out, "account")
	}
	for _, s := range p.Steps {
		name := strings.Replace(s.Job.Name, "primes-6aa3bd34", "job", 1)
		switch s.Do {
		case Create:
			out = append(out, fmt.Sprintf("create %s with %d", name, *s.Job.Spec.Parallelism))
		case Scale:
			out = append(out, fmt.Sprintf("scale %s to %d", name, s.Pods))
		case Delete:
			out = append(out, "delete "+name)
		}
	}
	if r := p.Report; r != nil {
		out = append(out, fmt.Sprintf("%d %s %s", r.Replicas, r.Condition.Status, r.Condition.Reason))
	}
	return strings.Join(out, ", ")
}

func TestDecide(t *testing.T) {
	const active, suspended = v1alpha1.PhaseActive, v1alpha1.PhaseSuspended
	job := func(parallelism, active, ready int32, c ...batchv1.JobConditionType) batchv1.Job {
		return made(t, "", parallelism, active, ready, c...)
	}
	old := func(parallelism, active int32, c ...batchv1.JobConditionType) batchv1.Job {
		return made(t, "-old", parallelism, active, active, c...)
	}
	later := func(d time.Duration) func(*Situation) { return func(s *Situation) { s.Now = now.Add(d) } }
	out := func(s *Situation) { s.List.Status.BlocksOut = 2 }
	scaled := func(n int32) func(*Situation) {
		return func(s *Situation) { s.List.Spec.Workers.Parallelism = &n }
	}
	none := func(s *Situation) { s.List.Spec.Workers = nil }
	troubled := func(s *Situation) { s.Trouble = diagnosis.Trouble{Reason: diagnosis.Crashing, Text: "it crashes"} }
	full := func(s *Situation) {
		s.Trouble = diagnosis.Trouble{Reason: diagnosis.Unschedulable, Text: "no room", NoRoom: true}
	}
	going := func(s *Situation) { s.Jobs[0].DeletionTimestamp = &metav1.Time{Time: now} }
	for _, c := range []struct {
		what   string
		s      Situation
		change func(*Situation)
		want   string
		again  time.Duration
	}{
		{"nobody has looked at the list yet", situation(t, ""), nil, "0 True Stopped", 0},
		{"it waits for another one", situation(t, v1alpha1.PhaseWaiting), nil, "0 True Stopped", 0},
		{"it cannot be worked on", situation(t, v1alpha1.PhaseInvalid), nil, "0 True Stopped", 0},
		{"it has begun", situation(t, active), nil, "account, create job with 3, 0 False Starting", poll},
		{"with an account of the user's", situation(t, active), func(s *Situation) {
			s.List.Spec.Workers.Template.Spec.ServiceAccountName = "me"
			s.Jobs = []batchv1.Job{*Job(s.List, s.Image)}
		}, "0 False Starting", glance},
		{"its pods are about to run", situation(t, active, job(3, 3, 1)), nil, "account, 3 False Starting", glance},
		{"they run", situation(t, active, job(3, 3, 3)), nil, "account, 3 True Running", poll},
		{"they cannot", situation(t, active, job(3, 3, 1)), troubled, "account, 3 False Crashing", glance},
		{"what troubles them is no matter once they run", situation(t, active, job(3, 3, 3)), troubled, "account, 3 True Running", poll},
		{"more pods are wanted", situation(t, active, job(3, 3, 3)), scaled(5), "account, scale job to 5, 3 False Starting", glance},
		{"fewer", situation(t, active, job(3, 3, 3)), scaled(1), "account, scale job to 1, 3 True Running", poll},
		{"none", situation(t, active, job(3, 3, 3)), scaled(0), "account, scale job to 0, 3 True Running", poll},
		{"none, and none are left", situation(t, active, job(0, 0, 0)), scaled(0), "account, 0 True Stopped", poll},
		{"somebody else has scaled the Job", situation(t, active, job(7, 7, 7)), nil, "account, scale job to 3, 7 True Running", poll},

		{"suspended, and blocks are out", situation(t, suspended, job(3, 3, 3)), out, "3 True Running", 0},
		{"suspended, and none are", situation(t, suspended, job(3, 3, 3)), nil, "scale job to 0, 3 True Running", 0},
		{"suspended, and stopped", situation(t, suspended, job(0, 0, 0)), nil, "0 True Stopped", 0},
		{"resumed", situation(t, active, job(0, 0, 0)), nil, "account, scale job to 3, 0 False Starting", glance},

		{"complete", situation(t, v1alpha1.PhaseComplete, job(3, 2, 2)), later(time.Second), "2 True Running", linger - time.Second},
		{"complete, and its pods have ended", situation(t, v1alpha1.PhaseComplete, job(3, 0, 0, batchv1.JobComplete)), later(time.Hour), "0 True Finished", 0},
		{"complete, and a pod has not noticed", situation(t, v1alpha1.PhaseComplete, job(3, 1, 1)), later(linger), "scale job to 0, 1 True Running", 0},
		{"failed", situation(t, v1alpha1.PhaseFailed, job(3, 3, 3)), nil, "3 True Running", linger},
		{"cancelled", situation(t, v1alpha1.PhaseCancelled, job(3, 3, 3)), nil, "scale job to 0, 3 True Running", 0},
		{"over before it had pods", situation(t, v1alpha1.PhaseComplete), later(linger), "0 True Finished", 0},
		{"over, and still with an older Job", situation(t, v1alpha1.PhaseComplete, old(2, 2), job(1, 1, 1)), later(linger), "scale job-old to 0, scale job to 0, 3 True Running", 0},

		{"reopened", situation(t, active, job(3, 0, 0, batchv1.JobComplete)), later(rest), "account, delete job, 0 False Starting", poll},
		{"its Job has ended just now", situation(t, active, job(3, 0, 0, batchv1.JobComplete)), later(rest - time.Second), "account, 0 False Starting", time.Second},
		{"its Job has failed", situation(t, active, job(3, 0, 0, batchv1.JobFailed)), later(rest), "account, delete job, 0 False Starting", poll},
		{"its Job is being deleted", situation(t, active, job(3, 3, 3)), going, "account, 0 True Running", poll},

		{"the template has changed", situation(t, active, old(3, 3)), nil, "account, create job with 1, 3 False Starting", poll},
		{"a pod of the new Job is ready", situation(t, active, job(1, 1, 1), old(3, 3)), nil, "account, scale job to 2, scale job-old to 2, 4 False Starting", glance},
		{"none gets ready", situation(t, active, job(1, 1, 0), old(3, 3)), troubled, "account, 4 False Crashing", glance},
		{"there is no room", situation(t, active, job(1, 1, 0), old(3, 3)), full, "account, scale job to 2, scale job-old to 2, 4 False Unschedulable", glance},
		{"all are", situation(t, active, job(3, 3, 3), old(1, 1)), nil, "account, scale job-old to 0, 4 True Running", poll},
		{"the old one's are gone", situation(t, active, job(3, 3, 3), old(0, 0)), nil, "account, delete job-old, 3 True Running", poll},
		{"they had gone before", situation(t, active, old(3, 0, batchv1.JobComplete)), nil, "account, create job with 3, delete job-old, 0 False Starting", poll},
		{"the template has changed while it was suspended", situation(t, active, old(0, 0)), nil, "account, create job with 3, delete job-old, 0 False Starting", poll},

		{"no workers any more", situation(t, active, job(3, 3, 3), old(1, 1)), none, "delete job, delete job-old, 0  ", 0},
		{"never had any", situation(t, active), none, "0  ", 0},
		{"the list is being deleted", situation(t, active, job(3, 3, 3)), func(s *Situation) { s.List.DeletionTimestamp = &metav1.Time{Time: now} }, "", 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			if c.change != nil {
				c.change(&c.s)
			}
			plan := Decide(c.s)
			if got := say(plan); got != c.want || plan.Again != c.again {
				t.Errorf("%s, again in %s; want\n%s, again in %s", got, plan.Again, c.want, c.again)
			}
		})
	}
}

// While one Job takes over from others there are never too few pods that run, if there is room, and never too many; and in the
// end the one has all of them. A cluster with less room gets there, too.
func TestHandOver(t *testing.T) {
	list := read(t, "testdata/pod/plain.yaml")
	rapid.Check(t, func(t *rapid.T) {
		goal := rapid.Int32Range(0, 40).Draw(t, "goal")
		step := (goal + 3) / 4
		short := rapid.Int32Range(0, step).Draw(t, "short") // of room for the excess
		room := goal + step - short
		list := list.DeepCopy()
		list.Spec.Workers.Parallelism = &goal
		list.Status.SetPhase(v1alpha1.PhaseActive, "", metav1.NewTime(now))
		jobs := []batchv1.Job{olderJob(list, "a", goal), olderJob(list, "b", 0)}
		if split := rapid.Int32Range(0, goal).Draw(t, "split"); split > 0 {
			jobs = []batchv1.Job{olderJob(list, "a", goal-split), olderJob(list, "b", split)}
		}
		for range 10*goal + 20 {
			plan := Decide(Situation{Now: now, List: list, Jobs: slices.Clone(jobs), Trouble: crowded(jobs, room)})
			for _, s := range plan.Steps {
				jobs = take(jobs, s)
			}
			var ready, all int32
			for i := range jobs { // the Job controller, with nothing but time
				j := &jobs[i]
				j.Status.Active = *j.Spec.Parallelism
				j.Status.Ready = new(min(*j.Status.Ready, j.Status.Active))
			}
			for _, j := range jobs {
				ready, all = ready+*j.Status.Ready, all+j.Status.Active
			}
			if all > goal+step {
				t.Fatalf("%d pods for %d", all, goal)
			}
			if ready < goal-step || short == 0 && ready < goal {
				t.Fatalf("%d of %d pods run", ready, goal)
			}
			for i := range jobs {
				j := &jobs[i]
				if n := min(j.Status.Active-*j.Status.Ready, room-ready); n > 0 {
					n = rapid.Int32Range(1, n).Draw(t, "get ready")
					*j.Status.Ready += n
					ready += n
				}
			}
			if len(jobs) == 1 && jobs[0].Name == jobName(list) && *jobs[0].Status.Ready == goal {
				return
			}
		}
		t.Fatalf("not in the end: %v", jobs)
	})
}

func olderJob(list *v1alpha1.Worklist, name string, pods int32) batchv1.Job {
	j := Job(list, "")
	j.Name = name
	setPods(j, pods)
	j.Status.Active, j.Status.Ready = pods, &pods
	return *j
}

// crowded is the trouble of pods that find no room.
func crowded(jobs []batchv1.Job, room int32) diagnosis.Trouble {
	var ready, all int32
	for _, j := range jobs {
		ready, all = ready+*j.Status.Ready, all+j.Status.Active
	}
	if all > ready && ready >= room {
		return diagnosis.Trouble{Reason: diagnosis.Unschedulable, NoRoom: true}
	}
	return diagnosis.Trouble{}
}

func take(jobs []batchv1.Job, s Step) []batchv1.Job {
	i := slices.IndexFunc(jobs, func(j batchv1.Job) bool { return j.Name == s.Job.Name })
	switch s.Do {
	case Create:
		s.Job.Status.Ready = new(int32(0))
		return append(jobs, *s.Job)
	case Delete:
		return slices.Delete(jobs, i, i+1)
	}
	setPods(&jobs[i], s.Pods)
	return jobs
}
