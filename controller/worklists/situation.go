package worklists

import (
	"time"

	"teamtask.dev/api/v1alpha1"
)

// Situation is all that a decision depends on.
type Situation struct {
	Now    time.Time
	List   *v1alpha1.Worklist
	Blocks []v1alpha1.Block // all that name the list, read after it

	// Size and Fingerprint are those of the items; Problem says why they cannot be worked on, if so.
	Size        int64
	Fingerprint string
	Problem     string

	// WaitingFor says why nothing may be handed out yet: a list that comes first.
	WaitingFor string
	// Excess is how many Blocks there are in the cluster beyond what may be: so many that wait are turned away.
	Excess int
}

// Plan is what is to be done: first the status, then the rest in any order.
type Plan struct {
	Status  v1alpha1.WorklistStatus
	Changed bool // the status is to be written
	Give    []Gift
	Tell    []Notice
	Discard []*v1alpha1.Block
	Events  []Event
	Again   time.Time // when to decide again although nothing has happened; zero: never
}

// Gift is a range for a Block. It may be given only once the status that has its handout is durable.
type Gift struct {
	Block *v1alpha1.Block
	v1alpha1.Handout
}

// Notice tells a Block that waits why it does.
type Notice struct {
	Block  *v1alpha1.Block
	Reason v1alpha1.BlockPhase
	Text   string
}

// Event is what a person would ask about.
type Event struct {
	Warning bool
	Reason  string
	Text    string
}
