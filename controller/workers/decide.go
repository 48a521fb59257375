package workers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/diagnosis"
)

// Situation is all that a decision depends on.
type Situation struct {
	Now     time.Time
	List    *v1alpha1.Worklist
	Jobs    []batchv1.Job     // the list's own
	Image   string            // of Teamtask
	Trouble diagnosis.Trouble // of the Job that is wanted now
}

// Plan is what is to be done, in order, and then reported.
type Plan struct {
	Account string // the ServiceAccount that is to be there first, and to be let work; "": the user's
	Steps   []Step
	Report  *Report       // nil: the list is about to go
	Again   time.Duration // when to decide again although nothing has happened; 0: never
}

// Verb is what a Step does to its Job.
type Verb string

// The verbs.
const (
	Create Verb = "Create"
	Scale  Verb = "Scale"
	Delete Verb = "Delete"
)

// Step is one write.
type Step struct {
	Do   Verb
	Job  *batchv1.Job
	Pods int32 // of Scale

	Reason, Text string // for people
}

const (
	// linger is how long workers have, when their list is over, to notice it and end.
	linger = time.Minute
	// rest is between a Job that ended too early and the next.
	rest = 10 * time.Second
	// glance is how often pods are looked at that do not run yet.
	glance = 15 * time.Second
	// poll is how often a list is looked at although nothing was seen to happen: an event may have been missed.
	poll = 5 * time.Minute
)

// decision is a plan in the making.
type decision struct {
	Situation
	Plan
	current *batchv1.Job   // the one that is wanted now; nil: there is none yet
	others  []*batchv1.Job // made from what was wanted before, the latest first
}

// Decide says what is to be done. The same situation gives the same plan.
func Decide(s Situation) Plan {
	d := &decision{Situation: s}
	list, phase := s.List, s.List.Status.Phase()
	if !list.DeletionTimestamp.IsZero() {
		return d.Plan // the garbage collector sees to the rest
	}
	d.sort()
	switch {
	case list.Spec.Workers == nil:
		for _, j := range d.others {
			d.delete(j, "the list has no workers any more")
		}
		d.Report = &Report{}
		return d.Plan
	case phase.Over():
		d.end()
	case phase == v1alpha1.PhaseActive:
		d.work()
	case list.Status.BlocksOut == 0:
		d.stop("there is nothing to do: the list is " + name(phase))
	}
	d.Report = d.report()
	return d.Plan
}

// sort tells the Job that is wanted now from the others.
func (d *decision) sort() {
	var wanted string
	if d.List.Spec.Workers != nil {
		wanted = jobName(d.List)
	}
	for i := range d.Jobs {
		switch j := &d.Jobs[i]; {
		case j.Name == wanted:
			d.current = j
		case j.DeletionTimestamp.IsZero():
			d.others = append(d.others, j)
		}
	}
	slices.SortFunc(d.others, func(a, b *batchv1.Job) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
}

// end sees to the pods of a list that is over. They notice it and end, and stay for their logs. What does not notice is
// stopped, and so is at once whatever is cancelled.
func (d *decision) end() {
	var left time.Duration
	if at := d.List.Status.CompletionTime; at != nil && d.List.Status.Phase() != v1alpha1.PhaseCancelled {
		left = at.Add(linger).Sub(d.Now)
	}
	if left > 0 {
		d.Again = left
		return
	}
	d.stop("the list is " + name(d.List.Status.Phase()))
}

// stop ends all pods that run.
func (d *decision) stop(why string) {
	for i := range d.Jobs {
		if j := &d.Jobs[i]; finished(j) == nil {
			d.scale(j, 0, "Stopped", "no pods: "+why)
		}
	}
}

// work has as many pods as are wanted.
func (d *decision) work() {
	s := &d.List.Spec.Workers.Template.Spec
	if s.ServiceAccountName == "" && s.DeprecatedServiceAccount == "" {
		d.Account = accountName(d.List.Name)
	}
	d.Again = poll
	goal := wanted(d.List)
	others, own := handOver(goal, d.current, d.others, d.Trouble.NoRoom)
	switch {
	case d.current == nil:
		job := Job(d.List, d.Image)
		setPods(job, own)
		text := fmt.Sprintf("Job %s is made, for %s", job.Name, pods(goal))
		if len(d.others) > 0 {
			text = fmt.Sprintf("spec.workers has changed: Job %s is made, and takes over from %s pod by pod", job.Name, d.others[0].Name)
		}
		d.step(Step{Do: Create, Job: job, Reason: "JobCreated", Text: text})
	case !d.current.DeletionTimestamp.IsZero():
		return // a new one can have its name when it is gone
	case finished(d.current) != nil:
		// Its pods ended with success though the list is not over: it was, and goes on, or they were mistaken.
		if wait := finished(d.current).Add(rest).Sub(d.Now); wait > 0 {
			d.Again = wait
			return
		}
		d.delete(d.current, "its pods have ended, and the list goes on: a new one is to be made")
	default:
		d.scale(d.current, own, "Scaled", pods(own))
		if ready(d.current) < goal {
			d.Again = glance
		}
	}
	for i, j := range d.others {
		if finished(j) != nil || others[i] == 0 && j.Status.Active == 0 && *j.Spec.Parallelism == 0 {
			d.delete(j, "another one has taken over")
		} else {
			d.scale(j, others[i], "Scaled", pods(others[i])+": another Job takes over")
		}
	}
}

func (d *decision) scale(j *batchv1.Job, to int32, reason, text string) {
	before := *j.DeepCopy()
	setPods(&before, to)
	if *before.Spec.Parallelism != *j.Spec.Parallelism || *before.Spec.Completions != *j.Spec.Completions {
		d.step(Step{Do: Scale, Job: j, Pods: to, Reason: reason, Text: fmt.Sprintf("Job %s: %s", j.Name, text)})
	}
}

func (d *decision) delete(j *batchv1.Job, why string) {
	d.step(Step{Do: Delete, Job: j, Reason: "JobDeleted", Text: fmt.Sprintf("Job %s is deleted: %s", j.Name, why)})
}

func (d *decision) step(s Step) { d.Steps = append(d.Steps, s) }
