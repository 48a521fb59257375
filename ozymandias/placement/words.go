package placement

import (
	"fmt"
	"strings"
)

// String says in one sentence what was asked and what stands in the way, then what would help.
func (r Refusal) String() string { return r.Name.String() + " " + r.because() }

// because follows the name of what is refused.
func (r Refusal) because() string {
	text := r.reason()
	if advice := r.Advice(); len(advice) > 0 {
		text += "; " + Enumerate(advice, "or")
	}
	return text
}

// Advice is the remedies in words: "add 2G of memory to n1".
func (r Refusal) Advice() (advice []string) {
	for _, remedy := range r.Remedies {
		advice = append(advice, remedy.words(r.Job))
	}
	return advice
}

// Lines says for each node why it does not take the instance, the nearest first: "n1: 2G of memory short".
func (r Refusal) Lines() (lines []string) {
	for _, o := range r.Nodes {
		lines = append(lines, o.Node+": "+o.String())
	}
	if r.More > 0 {
		lines = append(lines, fmt.Sprintf("and %d more nodes", r.More))
	}
	return lines
}

func (o Obstacle) String() string {
	var parts []string
	switch o.Reason {
	case Labels:
		parts = append(parts, "has not "+Enumerate(o.Missing, "and"))
	case Volumes:
		parts = append(parts, "does not hold its volumes")
	case Closed:
		parts = append(parts, "closed ("+o.Why+")")
	case PerNode:
		parts = append(parts, "has as many of its job as it may")
	}
	if o.Short != (Resources{}) {
		parts = append(parts, o.Short.atLeast()+" short")
	}
	if len(parts) == 0 {
		return "has room only once others have moved"
	}
	return strings.Join(parts, ", ")
}

// reason follows the name of what is refused.
func (r Refusal) reason() string {
	if len(r.Nodes) == 0 {
		return "cannot be placed: there are no nodes"
	}
	if r.Usable > 0 {
		return r.noRoom()
	}
	switch r.Nodes[0].Reason {
	case PerNode:
		return fmt.Sprintf("cannot be placed: at most %d of %s may be on one node, and all that it may use have as many", r.PerNode, r.Job)
	case Closed:
		return r.condition() + ": " + r.obstacles(Closed, "are closed, too", func(o Obstacle) string {
			return o.Node + " is closed (" + o.Why + ")"
		})
	case Labels:
		return "requires " + Enumerate(r.Requires, "and") + " of its node, which no node has"
	}
	verb := "is"
	if len(r.Tied) > 1 {
		verb = "are"
	}
	return r.condition() + ", which " + verb + " not there"
}

// condition is what an instance asks of its node besides room.
func (r Refusal) condition() string {
	switch {
	case len(r.Tied) > 0:
		return "has its volumes on " + Enumerate(r.Tied, "and")
	case len(r.Requires) > 0:
		return "requires " + Enumerate(r.Requires, "and") + " of its node"
	}
	return "cannot be placed"
}

// noRoom is for want of room, or because nothing was found.
func (r Refusal) noRoom() string {
	var text string
	d := r.Binding
	switch {
	case d == "":
		text = "requires " + r.Asked.String() + ", for which others would have to move"
	case r.Largest.Free.Get(d) < r.Asked.Get(d):
		most := "none"
		if r.Largest.Free.Get(d) > 0 {
			most = "only " + atMost(r.Largest.Free, d)
		}
		text = fmt.Sprintf("requires %s of %s but %s can be allocated on %s", Quantity(r.Asked, d), d, most, r.largest())
		if r.Usable > 1 {
			text += fmt.Sprintf(", %s on all %d together", atMost(r.Free, d), r.Usable)
		}
	default:
		text = "requires " + r.Asked.String() + ", which no node has together: " + r.obstacles(NoRoom, "are not better", func(o Obstacle) string {
			return o.Node + " is " + o.Short.atLeast() + " short"
		})
	}
	asked, free := r.Asked.vector(), r.Free.vector()
	switch {
	case r.Verdict == NotFound:
		text += "; no way to make room by moving others was found within the budget"
	case r.TooLarge:
		text += "; no node is so large"
	case asked.within(&free):
		text += "; moving others does not help"
	}
	return text
}

// largest is the node with the largest gap.
func (r Refusal) largest() string {
	switch {
	case r.Usable > 1:
		return "one node (" + r.Largest.Node + ")"
	case len(r.Nodes) == 1:
		return r.Largest.Node
	}
	return "the only node that it may use (" + r.Largest.Node + ")"
}

// maxNamed is how many nodes a sentence names.
const maxNamed = 3

// obstacles says something of the first few nodes that have a reason, and something else of the others.
func (r Refusal) obstacles(reason Reason, others string, say func(Obstacle) string) string {
	var parts []string
	more := 0
	for _, o := range r.Nodes {
		switch {
		case o.Reason != reason:
		case len(parts) < maxNamed:
			parts = append(parts, say(o))
		default:
			more++
		}
	}
	if more > 0 {
		parts = append(parts, fmt.Sprintf("%d more %s", more, others))
	}
	return Enumerate(parts, "and")
}

// words say what to do. The job is that of the refused instance.
func (r Remedy) words(job string) string {
	extend := ""
	if r.Add != (Resources{}) {
		extend = " and add " + r.Add.atLeast() + " to it"
	}
	switch r.Sort {
	case Extend:
		return "add " + r.Add.atLeast() + " to " + r.Node
	case Stop:
		return "stop " + r.Instance.String() + " on " + r.Node
	case Label:
		noun := "label"
		if len(r.Labels) > 1 {
			noun = "labels"
		}
		return "give " + r.Node + " the " + noun + " " + Enumerate(r.Labels, "and") + extend
	case Open:
		return "open " + r.Node + extend
	case Return:
		return "bring " + r.Node + " back"
	case Allow:
		return fmt.Sprintf("allow %d of %s on one node", r.PerNode, job)
	}
	return "add a node"
}

// Enumerate joins parts as in a sentence: "a, b and c".
func Enumerate(parts []string, conjunction string) string {
	last := len(parts) - 1
	if last < 1 {
		return strings.Join(parts, "")
	}
	return strings.Join(parts[:last], ", ") + " " + conjunction + " " + parts[last]
}
