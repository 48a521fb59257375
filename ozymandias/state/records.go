package state

import (
	"fmt"
	"maps"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"

	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
)

// format is that of the records as this program writes them. It grows when an earlier program would misread them.
const format = 1

// head is the record that makes decisions one after the other.
type head struct {
	// Format is the greatest of the programs that have decided. One that knows only an earlier one decides nothing.
	Format  int   `json:"format,omitempty"`
	Version int64 `json:"version"`
	// Commits are the names of the last decisions, the newest first.
	Commits []string `json:"commits"`
}

// readHead reads the head, and the revision that wrote it; zero if there is none yet. The error says so if a later program has decided.
func readHead(kv *mvccpb.KeyValue) (h head, at int64, err error) {
	if kv == nil {
		return h, 0, nil
	}
	if h, err = decode[head](kv); err == nil && h.Format > format {
		err = fmt.Errorf("the records have format %d, and this program knows %d", h.Format, format)
	}
	return h, kv.ModRevision, err
}

// remembered is how many names of decisions the head keeps. Whoever lost an answer asks within seconds; decisions are a few a second.
const remembered = 64

// A Machine is what is known of a node whether it lives or not.
type Machine struct {
	// Address is where the other nodes reach it, an IP address.
	Address string `json:"address"`
	// Labels are those that its process was started with, and Marks what was said of them since: it wins, also when the node comes
	// back. nil takes a label away.
	Labels   map[string]string   `json:"labels,omitempty"`
	Marks    map[string]*string  `json:"marks,omitempty"`
	Capacity placement.Resources `json:"capacity"`
	Draining bool                `json:"draining,omitempty"`
	// Joined is when it first did.
	Joined time.Time `json:"joined"`
}

// labels are those that count.
func (m Machine) labels() map[string]string {
	labels := maps.Clone(m.Labels)
	for label, value := range m.Marks {
		if value == nil {
			delete(labels, label)
			continue
		}
		if labels == nil {
			labels = map[string]string{}
		}
		labels[label] = *value
	}
	return labels
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
	// Unfit says why it can run nothing at present; empty if it can.
	Unfit string `json:"unfit,omitempty"`
	// Ingress is what keeps its ingress from doing all that jobs ask of it.
	Ingress []schedule.IngressProblem `json:"ingress,omitempty"`
}

// An Instance is one that a node reports.
type Instance struct {
	schedule.Instance
	schedule.Condition
}

// An Event says what a decision changed.
type Event struct {
	Version int64 // the decision's
	At      time.Time
	schedule.Event
}

// events are those of one decision, as they are kept.
type events struct {
	At     time.Time        `json:"at"`
	Events []schedule.Event `json:"events"`
}

// Of how many decisions events are kept, and how many of each: a node with thousands of instances may be lost at once.
const (
	keptDecisions = 300
	keptEvents    = 100
)

// report is what decisions rest on.
func (r Report) report() schedule.Report {
	report := schedule.Report{Plan: r.Plan, Unfit: r.Unfit, Ingress: r.Ingress, Instances: make(map[schedule.Instance]schedule.Condition, len(r.Instances))}
	for _, i := range r.Instances {
		report.Instances[i.Instance] = i.Condition
	}
	return report
}
