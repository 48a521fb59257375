package schedule

import (
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// A State is all that a decision rests on, as it was read at one revision of the store.
type State struct {
	// Version is the head's: how many decisions were taken. The one that follows from this state is the next, and so are the
	// epochs that it gives out and the versions of the plans that it writes.
	Version int64
	Jobs    []Job
	Nodes   []Node
	// Partial says that there is more which could not be read. So nothing can be decided, and what seems to belong to nobody may
	// belong to somebody.
	Partial bool
}

// A Job is what is wanted, and what is remembered of it.
type Job struct {
	// UID tells two jobs of the same name apart: one that was deleted from one that was made after it.
	UID  string  `json:"uid"`
	Spec job.Job `json:"spec"` // as it is wanted, after [job.Job.Default]
	// Revision counts the changes of what instances run, from 1; scaling does not change it.
	Revision int64 `json:"revision"`
	// Stable is the last revision of which all instances were up at once; 0 for none. A deploy that fails goes back to it.
	Stable int64 `json:"stable,omitempty"`
	// Specs has the other revisions that instances still run, or that may be gone back to.
	Specs map[int64]job.Job `json:"-"`
	// Deploy is the change of revisions that is under way, or the last one.
	Deploy *Deploy `json:"deploy,omitempty"`
	// Ended are the instances that ran to their end, with how. They are not started again at this revision.
	Ended map[string]End `json:"ended,omitempty"`
	// Over says that something of Stable has run to its end. It would do so again: a deploy that fails does not go back to it.
	Over bool `json:"over,omitempty"`
	// Work is how many instances the job's worklist has work for. It is nil for jobs without one, and as long as it is not
	// known: then there are as many as there were.
	Work *int `json:"work,omitempty"`
	// Finished says that the worklist is: the job has no instances any more.
	Finished bool `json:"finished,omitempty"`
	// Trouble says why it is not known how much work there is, why there is none yet or, of a finished worklist, what became of it if
	// it is not complete; and why the swarm of which the job is the pool is not to be found. It is for people: nothing is decided by it.
	Trouble string `json:"trouble,omitempty"`
	// Homes are the nodes that have the sticky volumes of instances, by ID: see sticky.go.
	Homes map[string]string `json:"homes,omitempty"`
	// Deleted says that the job is to go once nothing of it runs any more.
	Deleted bool `json:"deleted,omitempty"`
	// Waited is for how long whoever decides has seen the last step of the deploy ([State.Steps]), by a clock of its own that nobody
	// sets.
	Waited time.Duration `json:"-"`
}

// A Deploy brings a job from one revision to another.
type Deploy struct {
	From int64 `json:"from"`
	To   int64 `json:"to"` // From is 0 for the first
	// Healthy is the most instances of To that were up at once until now.
	Healthy int `json:"healthy,omitempty"`
	// Progress is when it began, or Healthy last grew, by the clock of whoever saw it: for people.
	Progress time.Time `json:"progress"`
	// Step is the version of the decision that saw it.
	Step int64 `json:"step,omitempty"`
	// Resting says that all that has a place at To is up, and the rest waits for room: the time until it comes forward is not counted.
	Resting bool `json:"resting,omitempty"`
	// Failed says why the deploy failed; empty if it did not. The job then goes back to From or, if it is not to or there is
	// none, stays as it is.
	Failed string `json:"failed,omitempty"`
}

// A Node is a machine.
type Node struct {
	Name     string
	Labels   map[string]string
	Capacity placement.Resources
	// Draining says that what runs here is to go elsewhere, and that nothing new is to come.
	Draining bool
	// Incarnation is of the node's process and lease; empty if no lease lives. One that is gone never comes back.
	Incarnation string
	// Load is the load average over its processors, smoothed by the node; 1 is a machine that is just busy.
	Load float64
	// Volumes are those on its disks.
	Volumes []Volume
	// Plan is what it is to run.
	Plan Plan
	// Report is what it says of itself; empty if no lease lives.
	Report Report
	// Away is for how long whoever decides has seen no lease, Steady for how long it has seen this very plan, and Overloaded for how long
	// too much load ([Node.IsOverloaded]), all by a clock of its own that nobody sets. Who has just begun to look knows of nothing yet, so
	// the times are never too long.
	Away, Steady, Overloaded time.Duration
}

// Alive says whether the node's lease lived when the state was read.
func (n *Node) Alive() bool { return n.Incarnation != "" }

// StorageLabel is the label of nodes that have a file system in common: those with the same value of it have the same shared
// volumes. A node without it has only its own.
const StorageLabel = "shared-storage"

// An Instance is the name of one: a job's ordinal, or for a daemon the node's name.
type Instance struct {
	Job string `json:"job"` // the job's UID
	ID  string `json:"id"`
}

// Compare orders instances as placement orders names: 9 is before 10.
func (i Instance) Compare(j Instance) int { return placement.Name(i).Compare(placement.Name(j)) }

// A Volume is what an instance, or a job, keeps on a node's disk, whether it runs there at the moment or not.
type Volume struct {
	Instance        // of a shared volume, which is the job's, the ID is empty
	Name     string `json:"name"`
	Space    int64  `json:"space"` // bytes
	// Epoch is that of the instance which used it last; of several nodes' volumes of an instance the one with the greatest is what it
	// left last. 0 if that is not known.
	Epoch int64 `json:"epoch,omitempty"`
}

// A Plan is what a node is to run. It runs nothing else.
type Plan struct {
	// Version is that of the decision that wrote it.
	Version int64 `json:"version"`
	// Incarnation is whom it is for. A node that came back as another has lost what it ran, and runs nothing of the plan until
	// there is one for itself: meanwhile its instances may be given to others.
	Incarnation string    `json:"incarnation,omitempty"`
	Instances   []Planned `json:"instances,omitempty"`
	// Leaving are those of earlier versions of which it was not known, when this one was written, that they had stopped. It
	// is for those who decide; whoever runs the plan stops everything that is not in Instances.
	Leaving []Leaving `json:"leaving,omitempty"`
	// Awaited says that the node was lost with most others, and that what it was to run waits for it: see outage.go.
	Awaited bool `json:"awaited,omitempty"`
}

// A Planned is an instance in a node's plan.
type Planned struct {
	Instance
	Revision int64 `json:"revision"`
	// Epoch is that of the decision that placed it here at this revision. Those of an instance only grow, from one place to the
	// next, so that what an instance writes to can refuse the writes of its predecessor.
	Epoch int64 `json:"epoch"`
	// After are the other places where the instance may still run. It starts here only once each of them is free: see [Free].
	After []Place `json:"after,omitempty"`
	// Eased says that the instance left a node at this revision because that was overloaded; it does so once.
	Eased bool `json:"eased,omitempty"`
}

// A Leaving is an instance that was taken out of a node's plan.
type Leaving struct {
	Instance
	Revision int64 `json:"revision"`
	Epoch    int64 `json:"epoch"`   // that it had here
	Version  int64 `json:"version"` // of the first plan without it
}

// A Place is where an instance was put, and may still run.
type Place struct {
	Node        string `json:"node"`
	Incarnation string `json:"incarnation"`
	Epoch       int64  `json:"epoch"`   // that it had there
	Version     int64  `json:"version"` // of that node's first plan without it
}

// A Report is what a node says of its own machine.
type Report struct {
	// Plan is the version of the plan that the node goes by. What is not in that plan and not in Instances does not run, and is
	// not started any more. By a plan that is for another incarnation it goes, too: it has nothing of it.
	Plan int64
	// Instances are all that are planned, and all that have anything left on the machine that runs or may run. While something
	// of an earlier epoch is left, it is that which is reported.
	Instances map[Instance]Condition
	// Unfit says why the node can run nothing at present, such as that podman does not answer; empty if it can. It is treated as
	// if it was draining.
	Unfit string
	// Ingress is what keeps its ingress from doing all that jobs ask of it.
	Ingress []IngressProblem
}

// A Condition is how an instance fares.
type Condition struct {
	Epoch    int64 `json:"epoch"`
	Revision int64 `json:"revision"`
	Phase    Phase `json:"phase"`
	// Address is the pod's, once it has one.
	Address string `json:"address,omitempty"`
	// Healthy says that all containers run and all checks pass; so names and routes may lead to it.
	Healthy bool `json:"healthy,omitempty"`
	// Settled says that it has been healthy for update.min_healthy without a break, by the node's own clock.
	Settled bool `json:"settled,omitempty"`
	// Since is when the phase began, by the node's clock: for people.
	Since    time.Time `json:"since"`
	Restarts int       `json:"restarts,omitempty"`
	// Message says why, for people.
	Message string `json:"message,omitempty"`
	// Containers are how its containers fare, by name: for people. Nothing is decided by it.
	Containers map[string]ContainerCondition `json:"containers,omitempty"`
}

// A ContainerCondition is how one container of an instance fares.
type ContainerCondition struct {
	State    ContainerState `json:"state"`
	Restarts int            `json:"restarts,omitempty"`
	// ExitCode is of the last time that it ended, 0 if it did not yet.
	ExitCode int `json:"exit_code,omitempty"`
	// Healthy is what its check says; nil if it has none, or none has passed or failed yet.
	Healthy *bool `json:"healthy,omitempty"`
	// Ousted says why it was not healthy, if its node ended it for that, until it is started again.
	Ousted string `json:"ousted,omitempty"`
	// Message says why, for people.
	Message string `json:"message,omitempty"`
	// Since is when the state began, by the node's clock: for people.
	Since time.Time `json:"since,omitzero"`
}

// A ContainerState is where a container is on its way.
type ContainerState string

// The states of containers.
const (
	ContainerCreated ContainerState = "Created" // and not started yet: it may depend on others
	ContainerRunning ContainerState = "Running"
	ContainerEnded   ContainerState = "Ended"
)

// A Phase is where an instance is on its way.
type Phase string

// The phases.
const (
	Waiting  Phase = "Waiting"  // to be let start: see [State.WaitsFor]; nothing of it is on the machine
	Starting Phase = "Starting" // volumes, images, containers in their order
	Running  Phase = "Running"
	BackOff  Phase = "BackOff" // it ended, and is started again after a while
	Stopping Phase = "Stopping"
	Ended    Phase = "Ended"  // all containers ended with 0, and are not to be started again
	Broken   Phase = "Broken" // its tries are used up
)
