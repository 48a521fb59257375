package job

// Domain is where jobs have their names in DNS. The top-level domain is the one that is set aside for private use (ICANN, 29 July 2024).
const Domain = "ozymandias.internal"

// Job is one thing to run, in as many instances as it asks for.
//
// numInstances is the only word in camel case, as it was from the first sketch on; all others are as docker-compose would spell
// them.
type Job struct {
	// Name is also the job's name in DNS, NAME.ozymandias.internal: lower-case letters, digits and '-', at most 50 bytes, because
	// an instance's name adds to it.
	Name string `json:"name" doc:"The job's name, also in DNS." minLength:"1" maxLength:"50"`
	// NumInstances is how many instances there are to be, 0 to 10,000; 0 keeps the job and its volumes but runs nothing. Default 1.
	// A job with a worklist has at most this many; there the default is nil: as many as there is work for.
	// A daemon job has none (nil): the nodes decide.
	NumInstances *int `json:"numInstances,omitempty" doc:"Instances to run; default 1." minimum:"0" maximum:"10000"`
	// Daemon asks for one instance on every node that meets Placement.Requires, named after the node.
	Daemon bool `json:"daemon,omitempty" doc:"One instance on every node."`
	// Priority decides who waits when there is not room for all: higher goes first. -1000 to 1000, default 0.
	Priority int `json:"priority,omitempty" doc:"Higher goes first when there is not room for all." minimum:"-1000" maximum:"1000"`
	// Worklist names a worklist the instances are workers of: there are as many instances as there is work for, at most
	// NumInstances, and the job ends when the worklist is finished.
	Worklist string `json:"worklist,omitempty" doc:"Instances work on this worklist, and end with it."`
	// Swarm names a swarm whose pool the instances are: each instance is one worker of it.
	Swarm string `json:"swarm,omitempty" doc:"Instances are the workers of this swarm."`
	// Ingress says how the job is reached from outside, through every node. One or a list in a file; a list here.
	Ingress Ingresses `json:"ingress,omitempty" doc:"How the job is reached from outside."`
	// Containers of each instance, by name. They share one network namespace (they reach each other on localhost) and start in
	// the order of DependsOn. At least one.
	Containers map[string]Container `json:"containers" doc:"Containers of each instance, by name."`
	// Sidecars names ready-made containers to add to each instance, such as "envoy". The library they come from replaces them
	// with Containers before the job is stored; what they need counts then.
	Sidecars []string `json:"sidecars,omitempty" doc:"Ready-made containers to add, by name."`
	// Update is how instances are replaced when the job's revision changes.
	Update Update `json:"update,omitzero" doc:"How instances are replaced by those of a new revision."`
	// Placement limits which nodes may run the instances.
	Placement Placement `json:"placement,omitzero" doc:"Which nodes may run the instances."`
	// OnPartition is what a node does with the instances when it is cut off from the others. Default [Stop].
	OnPartition OnPartition `json:"on_partition,omitempty" doc:"What a node cut off from the others does; default stop." enum:"stop,keep"`
}

// OnPartition is what a node does with a job's instances when it cannot renew its lease.
type OnPartition string

const (
	// Stop ends the instances before they may be started elsewhere: of one instance there are never two.
	Stop OnPartition = "stop"
	// Keep leaves them alone: there may be two of one instance for as long as the partition lasts.
	Keep OnPartition = "keep"
)

// Placement limits where instances may run. The zero value allows every node; a job's instances are spread over nodes anyway,
// as far as there is room.
type Placement struct {
	// Requires lists labels that a node must have, with exactly these values. A map, or a list of "label=value", in a file.
	Requires Labels `json:"requires,omitempty" doc:"Labels a node must have."`
	// Spread names a label of nodes, such as "rack" or "zone": instances are spread over its values as evenly as there is room
	// for, nodes without it counting as one value together. Default "": over nodes only.
	Spread string `json:"spread,omitempty" doc:"Label over whose values instances are spread."`
	// MaxPerNode is the most instances of the job on one node. Default 0: no limit.
	MaxPerNode int `json:"max_per_node,omitempty" doc:"Most instances on one node; 0: no limit." minimum:"0"`
}

// Update says how a job gets from one revision to the next: some instances at a time, waiting for health in between.
type Update struct {
	// Order is [StartFirst] or [StopFirst]. Default StopFirst if a container has a local volume or publishes a port, because two
	// instances cannot have the same one, for daemon jobs, and if no container is always restarted, because what runs to its end is not
	// to do so once more than is wanted; StartFirst otherwise.
	Order Order `json:"order,omitempty" doc:"start-first or stop-first." enum:"start-first,stop-first"`
	// MaxSurge is how many instances beyond NumInstances may exist while updating. Default 1 with StartFirst, which needs one at
	// least, 0 with StopFirst. A daemon job has none.
	MaxSurge int `json:"max_surge,omitempty" doc:"Most instances beyond numInstances meanwhile." minimum:"0"`
	// MaxUnavailable is how many of NumInstances (of the nodes, for a daemon job) may be missing or not healthy while updating.
	// Default 1 with StopFirst, which needs one at least, 0 with StartFirst.
	MaxUnavailable int `json:"max_unavailable,omitempty" doc:"Most instances missing meanwhile." minimum:"0"`
	// HealthyWithin is how long an instance of the new revision may take to become healthy; past it the update has failed.
	// Default 5m.
	HealthyWithin Duration `json:"healthy_within,omitempty" doc:"An instance not healthy within this has failed; default 5m."`
	// MinHealthy is how long an instance must have been healthy without a break before the next one is touched. Default 5s,
	// less than HealthyWithin.
	MinHealthy Duration `json:"min_healthy,omitempty" doc:"Healthy for this long before the next; default 5s."`
	// Rollback goes back to the last revision that was healthy when an update fails; otherwise it stops half-way and waits for a
	// person. Default true; never nil after [Job.Default].
	Rollback *bool `json:"rollback,omitempty" doc:"Go back when an update fails; default true."`
}

// Order of stopping an old instance and starting the new one.
type Order string

const (
	// StartFirst starts a new instance and stops the old one when the new one is healthy.
	StartFirst Order = "start-first"
	// StopFirst stops the old instance before its successor is started.
	StopFirst Order = "stop-first"
)

// Instances is how many instances the job wants, 1 if it does not say. It means nothing for a daemon job, and it is the most
// there may be for one with a worklist: see [Job.Unbounded].
func (j Job) Instances() int {
	if j.NumInstances == nil {
		return 1
	}
	return *j.NumInstances
}

// Unbounded tells whether the work alone decides how many instances there are: a job with a worklist and no NumInstances.
func (j Job) Unbounded() bool { return j.Worklist != "" && j.NumInstances == nil }
