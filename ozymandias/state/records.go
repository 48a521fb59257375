package state

import (
	"time"

	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

// head is the record that makes decisions one after the other.
type head struct {
	Version int64 `json:"version"`
	// Commits are the names of the last decisions, the newest first.
	Commits []string `json:"commits"`
}

// remembered is how many names of decisions the head keeps. Whoever lost an answer asks within seconds; decisions are a few a second.
const remembered = 64

// A Machine is what is known of a node whether it lives or not.
type Machine struct {
	// Address is where the other nodes reach it, an IP address.
	Address  string              `json:"address"`
	Labels   map[string]string   `json:"labels,omitempty"`
	Capacity placement.Resources `json:"capacity"`
	Draining bool                `json:"draining,omitempty"`
	// Joined is when it first did.
	Joined time.Time `json:"joined"`
}

// A Life is a node's process under its lease.
type Life struct {
	Incarnation string    `json:"incarnation"`
	Since       time.Time `json:"since"`
}

// A Report is what a node says of itself.
type Report struct {
	Incarnation string            `json:"incarnation"`
	Load        float64           `json:"load"`
	Volumes     []schedule.Volume `json:"volumes,omitempty"`
	// Plan is the version of the plan that the node goes by.
	Plan      int64      `json:"plan"`
	Instances []Instance `json:"instances,omitempty"`
}

// An Instance is one that a node reports.
type Instance struct {
	schedule.Instance
	schedule.Condition
}

// report is what decisions rest on.
func (r Report) report() schedule.Report {
	report := schedule.Report{Plan: r.Plan, Instances: make(map[schedule.Instance]schedule.Condition, len(r.Instances))}
	for _, i := range r.Instances {
		report.Instances[i.Instance] = i.Condition
	}
	return report
}
