package v1

import (
	"time"

	"teamtask.dev/ozymandias/job"
)

// Resources are amounts of what nodes have and instances need, as quantities.
type Resources struct {
	Memory job.Size `json:"memory,omitempty"`
	CPUs   job.CPUs `json:"cpus,omitempty"`
	Disk   job.Size `json:"disk,omitempty"`
}

// A Node is a machine.
type Node struct {
	Name    string            `json:"name"`
	Address string            `json:"address,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Phase   NodePhase         `json:"phase"`
	Message string            `json:"message,omitempty"`
	// Draining says that its instances are to go elsewhere, also while it is lost.
	Draining bool `json:"draining,omitempty"`
	// Capacity is what it has for instances, Planned what those take that are planned here.
	Capacity  Resources `json:"capacity"`
	Planned   Resources `json:"planned"`
	Instances int       `json:"instances"`
	// Load is the load average over its processors; 1 is a machine that is just busy.
	Load        float64    `json:"load"`
	Incarnation string     `json:"incarnation,omitempty" doc:"Of its process, while its lease lives."`
	Joined      *time.Time `json:"joined,omitempty" doc:"When it first did."`
	Since       *time.Time `json:"since,omitempty" doc:"When its process joined."`
	Volumes     []Volume   `json:"volumes,omitempty"`
	// IngressProblems are what keeps its ingress from doing all that jobs ask of it.
	IngressProblems []string `json:"ingressProblems,omitempty"`
	// Stuck are those that have no place elsewhere, on a node that is draining, and why.
	Stuck []Wait `json:"stuck,omitempty"`
}

// NodePhase is a node's fortune in a word.
type NodePhase string

// The phases.
const (
	Ready    NodePhase = "Ready"
	Unfit    NodePhase = "Unfit"    // it lives and can run nothing: its message says why
	Draining NodePhase = "Draining" // its instances go elsewhere
	Drained  NodePhase = "Drained"  // nothing is here any more
	Away     NodePhase = "Lost"     // its lease has ended
)

// A Volume is on a node's disk, whether anything runs with it or not.
type Volume struct {
	Job   string   `json:"job"`
	ID    string   `json:"id,omitempty" doc:"Of the instance; left out of a shared volume."`
	Name  string   `json:"name"`
	Space job.Size `json:"space"`
	Epoch int64    `json:"epoch,omitempty" doc:"Of the instance that used it last: of several nodes' volumes of an instance the one with the greatest is the newest."`
	// LeftOver is why nothing uses it any more. It is kept for a while, unless it is unwanted or its room is needed.
	LeftOver string `json:"leftOver,omitempty" enum:"Unwanted,Forgotten,Superseded" doc:"Why nothing uses it any more: its job was scaled in; there is no such job; or its instance has settled on another node, and has a newer one there. It is kept for a while, unless it is unwanted or its room is needed."`
}

// NodePatch changes a node.
type NodePatch struct {
	Draining *bool `json:"draining,omitempty" doc:"Have its instances go elsewhere, or let new ones come again."`
	// Labels are set; null takes one away. They win over those that the node is started with.
	Labels map[string]*string `json:"labels,omitempty" doc:"Labels to be set; null takes one away."`
}

// A Plan is what a node is to run, by decision.
type Plan struct {
	Node        string        `json:"node"`
	Version     int64         `json:"version" doc:"Of the decision that wrote it."`
	Incarnation string        `json:"incarnation,omitempty" doc:"Of the node's process that it is for."`
	Instances   []PlannedItem `json:"instances" nullable:"false"`
	Leaving     []PlannedItem `json:"leaving,omitempty" doc:"Taken out, and not known to have stopped when this was written."`
}

// PlannedItem is an instance in a plan.
type PlannedItem struct {
	Instance string   `json:"instance"`
	Revision int64    `json:"revision"`
	Epoch    int64    `json:"epoch"`
	After    []string `json:"after,omitempty" doc:"Nodes where it may still run: it starts once it has stopped there."`
}

// Usage is what the instances on a node take.
type Usage struct {
	Node string `json:"node"`
	// At is the time on the node, by which two answers tell how much of its processors an instance took between them.
	At        time.Time       `json:"at"`
	Instances []InstanceUsage `json:"instances"`
}

// InstanceUsage is what an instance takes.
type InstanceUsage struct {
	Instance   string    `json:"instance"`
	Job        string    `json:"job"`
	Epoch      int64     `json:"epoch"`
	Limit      Resources `json:"limit" doc:"Memory that it may use, and processors that it is assured of."`
	Memory     job.Size  `json:"memory"`
	CPUSeconds float64   `json:"cpuSeconds" doc:"Time on processors since its containers were started."`
}

// Version is of the program that answers.
type Version struct {
	Version string `json:"version"`
	Node    string `json:"node"`
}
