package worklist

import (
	"cmp"
	"strings"
)

// Candidate is a list that a worker may be given a block of, when it serves several.
type Candidate struct {
	Name     string
	Priority int // the highest goes first
	Weight   int // share among lists of one priority; at least 1
	Out      int // blocks of it that are out
}

// Compare orders lists for a worker that serves several, negative for the one that goes first: by priority, and among
// equals so that the blocks that are out are shared in proportion to the weights: first the list that has least for its
// weight.
func (a Candidate) Compare(b Candidate) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		cmp.Compare(a.Out*max(1, b.Weight), b.Out*max(1, a.Weight)),
		strings.Compare(a.Name, b.Name))
}
