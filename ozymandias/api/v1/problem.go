package v1

import (
	"fmt"
	"net/http"
	"strings"

	"teamtask.dev/ozymandias/jobfile"
)

// Problem is why a call was refused or failed: problem details (RFC 9457).
type Problem struct {
	// Type is a URL that leads to the section of docs/errors.md about it.
	Type   string        `json:"type" format:"uri" doc:"Leads to a description of what can be done."`
	Title  string        `json:"title"`
	Status int           `json:"status"`
	Detail string        `json:"detail" doc:"What is wrong this time."`
	Errors []ErrorDetail `json:"errors,omitempty" doc:"Which parts of the call are wrong."`
	// Faults are all that is wrong with a job file.
	Faults []jobfile.Fault `json:"faults,omitempty" doc:"All that is wrong with a job file, by line."`
	// Refusals are why there is no room, a job's instances that are refused alike together.
	Refusals []Refusal `json:"refusals,omitempty" doc:"Why there is no room."`
	// Warnings are what of a compose file means something else than its author may think: why it asks for so much, perhaps.
	Warnings []string `json:"warnings,omitempty" doc:"What of a compose file that was refused is ignored, or means something else."`
}

// ErrorDetail is a part of a call that is wrong.
type ErrorDetail struct {
	Message  string `json:"message"`
	Location string `json:"location,omitempty"`
	Value    any    `json:"value,omitempty"`
}

// Refusal is why there is no room for instances, in figures.
type Refusal struct {
	Instances []string  `json:"instances" doc:"Those that have no place, for the same reason."`
	Verdict   string    `json:"verdict" enum:"ProvedInfeasible,NotFound" doc:"ProvedInfeasible: there is no way. NotFound: no way was found within the budget."`
	Requested Resources `json:"requested" doc:"By one instance."`
	FreeInSum Resources `json:"freeInSum" doc:"On the nodes that it may use."`
	// Dimension is what is most lacking; "" where it is not for want of room.
	Dimension  string     `json:"dimension,omitempty" enum:"memory,disk,cpu"`
	LargestGap *Gap       `json:"largestGap,omitempty" doc:"The most that is free of that on one node."`
	Nodes      []Shortage `json:"nodes,omitempty" doc:"What stands in the way on each, the nearest first; 50 at most."`
	Remedies   []string   `json:"remedies,omitempty" doc:"The cheapest changes that would help, one of each sort."`
	Detail     string     `json:"detail"`
}

// Gap is what is free on a node.
type Gap struct {
	Node string    `json:"node"`
	Free Resources `json:"free"`
}

// Shortage is why one node does not take an instance.
type Shortage struct {
	Node   string    `json:"node"`
	Reason string    `json:"reason" enum:"NoRoom,Labels,Volumes,Closed,PerNode"`
	Short  Resources `json:"short"`
	Detail string    `json:"detail"`
}

// A ProblemType is one that a caller can decide on. Each has a section in docs/errors.md.
type ProblemType string

// The types.
const (
	Invalid             ProblemType = "invalid"
	BadJobFile          ProblemType = "job-file"
	NotFound            ProblemType = "not-found"
	MethodNotAllowed    ProblemType = "method-not-allowed"
	Unauthenticated     ProblemType = "unauthenticated"
	TooManyTries        ProblemType = "too-many-tries"
	Forbidden           ProblemType = "forbidden"
	JoinRefused         ProblemType = "join-refused"
	PlacementInfeasible ProblemType = "placement-infeasible"
	PlacementNotFound   ProblemType = "placement-not-found"
	Impossible          ProblemType = "impossible"
	NodeAlive           ProblemType = "node-alive"
	NotRunning          ProblemType = "not-running"
	NodeUnreachable     ProblemType = "node-unreachable"
	Busy                ProblemType = "busy"
	StateUnavailable    ProblemType = "state-unavailable"
	StateUnreadable     ProblemType = "state-unreadable"
	OutcomeUnknown      ProblemType = "outcome-unknown"
	TooLarge            ProblemType = "too-large"
	Internal            ProblemType = "internal"
)

// kinds are what goes with each type.
var kinds = map[ProblemType]struct {
	status int
	title  string
}{
	Invalid:             {http.StatusUnprocessableEntity, "The call is not valid"},
	BadJobFile:          {http.StatusUnprocessableEntity, "The job file is not valid"},
	NotFound:            {http.StatusNotFound, "There is no such thing"},
	MethodNotAllowed:    {http.StatusMethodNotAllowed, "There is no such method here"},
	Unauthenticated:     {http.StatusUnauthorized, "It is not known who calls"},
	TooManyTries:        {http.StatusTooManyRequests, "Too much was tried that opens nothing"},
	Forbidden:           {http.StatusForbidden, "The caller may not do this"},
	JoinRefused:         {http.StatusForbidden, "The node may not join"},
	PlacementInfeasible: {http.StatusConflict, "There is no room"},
	PlacementNotFound:   {http.StatusConflict, "No room was found"},
	Impossible:          {http.StatusConflict, "It cannot be done as things are"},
	NodeAlive:           {http.StatusConflict, "The node is alive"},
	NotRunning:          {http.StatusConflict, "The instance does not run"},
	NodeUnreachable:     {http.StatusBadGateway, "The node does not answer"},
	Busy:                {http.StatusServiceUnavailable, "The node has enough to do"},
	StateUnavailable:    {http.StatusServiceUnavailable, "The cluster's state is out of reach"},
	StateUnreadable:     {http.StatusInternalServerError, "The cluster's state cannot be read"},
	OutcomeUnknown:      {http.StatusServiceUnavailable, "It is not known whether it was done"},
	TooLarge:            {http.StatusConflict, "The change is too large to be taken in one step"},
	Internal:            {http.StatusInternalServerError, "Something went wrong inside"},
}

// ProblemTypes are all there are.
func ProblemTypes() (all []ProblemType) {
	for t := range kinds {
		all = append(all, t)
	}
	return all
}

// Errors is where all types are described.
const Errors = "https://teamtask.dev/docs/errors"

// URL is what a problem of the type has in its field `type`.
func (t ProblemType) URL() string { return Errors + "#" + string(t) }

// New is a problem of the type.
func (t ProblemType) New(format string, args ...any) *Problem {
	return &Problem{Type: t.URL(), Title: kinds[t].title, Status: kinds[t].status, Detail: fmt.Sprintf(format, args...)}
}

// Of tells whether a problem is of the type.
func (p *Problem) Of(t ProblemType) bool { return p.Type == t.URL() }

// Error says it in words for people.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Detail)
	if p.Detail == "" {
		fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	}
	for _, e := range p.Errors {
		if !strings.Contains(p.Detail, e.Message) {
			fmt.Fprintf(&b, "; %s: %s", strings.TrimPrefix(e.Location, "body."), e.Message)
		}
	}
	return b.String()
}

// GetStatus is the status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is that of problem details.
func (p *Problem) ContentType(string) string { return "application/problem+json" }
