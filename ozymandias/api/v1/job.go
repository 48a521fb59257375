package v1

import (
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// List is what a call lists.
type List[T any] struct {
	Items []T `json:"items" nullable:"false"`
}

// A Job is what is wanted, and how it fares.
type Job struct {
	Name string `json:"name"`
	// UID tells two jobs of the same name apart: one that was deleted and still goes from one that was made after it.
	UID  string  `json:"uid"`
	Spec job.Job `json:"spec" doc:"The job as it is wanted, with its defaults."`
	// Revision counts the changes of what instances run; scaling is none.
	Revision int64 `json:"revision" doc:"Counts the changes of what instances run."`
	// Created is when it was first applied.
	Created *time.Time `json:"created,omitempty"`
	Status  JobStatus  `json:"status"`
	// Instances, Events and IngressProblems are told of a job that is asked for by name.
	Instances       []Instance       `json:"instances,omitempty"`
	Events          []Event          `json:"events,omitempty"`
	IngressProblems []IngressProblem `json:"ingressProblems,omitempty" doc:"What keeps requests or connections from it."`
}

// An IngressProblem keeps requests or connections from a job that come in by these nodes.
type IngressProblem struct {
	Nodes []string `json:"nodes" nullable:"false"`
	Text  string   `json:"text"`
}

// JobStatus is how a job fares.
type JobStatus struct {
	Phase JobPhase `json:"phase"`
	// Message says why, for people; "" if there is nothing to say.
	Message string `json:"message,omitempty"`
	// Wanted is how many instances there are to be, Placed how many of these have a node, Healthy how many are healthy, and Current how
	// many of the healthy run what is wanted.
	Wanted  int `json:"wanted"`
	Placed  int `json:"placed"`
	Healthy int `json:"healthy"`
	Current int `json:"current"`
	// Ended are those that ran to their end, well or not.
	Ended int `json:"ended,omitempty"`
	// Work is how many instances the job's worklist has work for; left out if there is none, or it is not known: the message says why.
	Work *int `json:"work,omitempty" doc:"How many instances the worklist has work for."`
	// Stable is the last revision of which all instances were up at once; 0 for none.
	Stable int64   `json:"stable"`
	Deploy *Deploy `json:"deploy,omitempty"`
	Waits  []Wait  `json:"waits,omitempty" doc:"Instances without a place, or not in the one they are to have, and why."`
}

// JobPhase is a job's fortune in a word.
type JobPhase string

// The phases, the first that is true.
const (
	Deleting  JobPhase = "Deleting"  // it goes once nothing of it runs
	Complete  JobPhase = "Complete"  // all instances ran to their end, or its worklist is complete
	Failed    JobPhase = "Failed"    // all have ended, and some of them badly; or its worklist has
	Reverting JobPhase = "Reverting" // a deploy failed, and instances go back to the revision before
	Reverted  JobPhase = "Reverted"  // a deploy failed, and instances run the revision before again
	Halted    JobPhase = "Halted"    // a deploy failed, and waits for a person
	Deploying JobPhase = "Deploying" // instances go to a new revision
	Waiting   JobPhase = "Waiting"   // some have no place, or it is not known whether there is work for any
	Degraded  JobPhase = "Degraded"  // some are not healthy
	Running   JobPhase = "Running"   // all are
)

// A Deploy brings a job from one revision to another.
type Deploy struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Healthy is the most instances of To that were up at once until now.
	Healthy int `json:"healthy"`
	// Progress is when Healthy last grew, or an instance of To was last given a place.
	Progress time.Time `json:"progress"`
	// Failed says why it failed; "" if it did not.
	Failed string `json:"failed,omitempty"`
}

// A Wait is an instance that waits.
type Wait struct {
	Instance string `json:"instance"`
	Node     string `json:"node,omitempty" doc:"Where it stays meanwhile."`
	Verdict  string `json:"verdict" enum:"ProvedInfeasible,NotFound"`
	Why      string `json:"why"`
}

// An Instance is one of a job's.
type Instance struct {
	// Name is JOB-ID. The ID is the ordinal or, of a daemon, the node's name.
	Name     string         `json:"name"`
	Job      string         `json:"job"`
	ID       string         `json:"id"`
	Node     string         `json:"node,omitempty" doc:"Where it is to run, or still does; left out if it has no place."`
	Revision int64          `json:"revision,omitempty"`
	Epoch    int64          `json:"epoch,omitempty" doc:"Grows with each place that the instance is given."`
	Phase    schedule.Phase `json:"phase"`
	// Healthy says that all containers run and all checks pass, so that names and routes lead to it.
	Healthy  bool   `json:"healthy"`
	Leaving  bool   `json:"leaving,omitempty" doc:"It is to stop here: it is not wanted any more, or goes elsewhere."`
	Address  string `json:"address,omitempty"`
	Restarts int    `json:"restarts"`
	// Since is when the phase began.
	Since *time.Time `json:"since,omitempty"`
	// ExitCode is there once it has ended for good: of its first container that ended badly, or 0.
	ExitCode   *int        `json:"exitCode,omitempty" doc:"Of what has ended for good: of its first container that ended badly, or 0."`
	Message    string      `json:"message,omitempty"`
	Containers []Container `json:"containers,omitempty"`

	UID string `json:"uid" doc:"Of the job."`
}

// The phases of instances that no node reports.
const (
	Unplaced schedule.Phase = "Unplaced" // it has no place
	Planned  schedule.Phase = "Planned"  // its node has not said anything of it yet
	Lost     schedule.Phase = "Lost"     // its node is lost, and where it goes is not decided yet
	// The job remembers of these that they have ended for good; its node does not have them any more.
	InstanceComplete = schedule.Phase(schedule.Complete)
	InstanceFailed   = schedule.Phase(schedule.Failed)
)

// A Container is one of an instance's.
type Container struct {
	Name     string     `json:"name"`
	State    string     `json:"state" doc:"Created, Running or Ended."`
	Restarts int        `json:"restarts"`
	ExitCode *int       `json:"exitCode,omitempty" doc:"Of the last time that it ended; left out if it has not."`
	Healthy  *bool      `json:"healthy,omitempty" doc:"What its checks say; left out if it has none, or they have said nothing yet."`
	Message  string     `json:"message,omitempty"`
	Since    *time.Time `json:"since,omitempty"`
}

// An Event is one thing that was decided.
type Event struct {
	Version int64     `json:"version" doc:"Of the decision."`
	Time    time.Time `json:"time"`
	Job     string    `json:"job,omitempty"`
	Node    string    `json:"node,omitempty"`
	Text    string    `json:"text"`
}

// JobPatch scales a job.
type JobPatch struct {
	NumInstances int `json:"numInstances" minimum:"0" maximum:"10000" doc:"Have so many instances."`
}

// Deletion is what is known of a job that goes.
type Deletion struct {
	Name string `json:"name"`
	UID  string `json:"uid" doc:"Of the job that goes. Another one may have its name before it is gone."`
}

// Applied is what became of a job file.
type Applied struct {
	Jobs []AppliedJob `json:"jobs"`
	// Forecast is what it comes to in the end, when deploys are through.
	Forecast Forecast `json:"forecast"`
	Warnings []string `json:"warnings,omitempty" doc:"What is lacking, or of a compose file is ignored or means something else."`
	DryRun   bool     `json:"dryRun,omitempty" doc:"Nothing was changed."`
	Version  int64    `json:"version,omitempty" doc:"Of the decision that took it in."`
}

// AppliedJob is what became of one job.
type AppliedJob struct {
	Name   string `json:"name"`
	Result Result `json:"result" enum:"created,configured,unchanged"`
}

// Result of applying a job.
type Result string

// The results.
const (
	Created    Result = "created"
	Configured Result = "configured"
	Unchanged  Result = "unchanged"
)

// Forecast is where a change leads.
type Forecast struct {
	Verdict string  `json:"verdict" enum:"Fits,ProvedInfeasible,NotFound"`
	Placed  []Place `json:"placed,omitempty"`
	Moves   []Move  `json:"moves,omitempty"`
	Waits   []Wait  `json:"waits,omitempty" doc:"Instances that wait because of the change."`
}

// Place is a node for an instance.
type Place struct {
	Instance string `json:"instance"`
	Node     string `json:"node"`
}

// Move takes an instance to another node.
type Move struct {
	Instance string `json:"instance"`
	From     string `json:"from"`
	To       string `json:"to"`
	Why      string `json:"why"`
}

// Explanation answers why something is as it is: the first sentence is the answer, the others are details.
type Explanation struct {
	Sentences []string `json:"sentences" nullable:"false"`
}
