package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An Outcome is how an instance ended for good.
type Outcome string

// The outcomes.
const (
	Complete Outcome = "Complete" // all of its containers ended with 0
	Failed   Outcome = "Failed"   // its tries are used up
)

// An End is that of an instance that ended for good. But for the outcome and the revision it is for people: nothing is decided by it.
type End struct {
	Outcome  Outcome
	Revision int64     // that it ran; 0 if that is not known, as earlier programs did not write it
	Node     string    // where it ran last
	At       time.Time // by that node's clock, in seconds
	Code     int       // of the first container by name that ended badly; 0 if none did
}

// end is how an instance ended, if it did.
func (s spot) end() (e End, ended bool) {
	e = End{Outcome: Complete, Revision: s.Planned.Revision, Node: s.node.Name, At: s.now.Since.Truncate(time.Second)}
	switch s.now.Phase {
	case Ended:
		return e, true
	case Broken:
		e.Outcome = Failed
		for _, name := range slices.Sorted(maps.Keys(s.now.Containers)) {
			e.Code = cmp.Or(e.Code, s.now.Containers[name].ExitCode)
		}
		return e, true
	}
	return e, false
}

// at tells whether that is the end of an instance at a revision. One of which it is not known is taken for that.
func (e End) at(revision int64) bool { return e.Revision == 0 || e.Revision == revision }

// MarshalText writes the node and the revision, the time in seconds since 1970 and, if it failed, the exit code: "n1/2 1767323045 137". A job
// may have ten thousand of them in a record that is written whenever one is added. An earlier program takes the revision for a part of the
// node's name, which no such name has, and writes it again as it was.
func (e End) MarshalText() ([]byte, error) {
	text := e.Node
	if e.Revision != 0 {
		text += "/" + strconv.FormatInt(e.Revision, 10)
	}
	text += " " + strconv.FormatInt(e.At.Unix(), 10)
	if e.Outcome == Failed {
		text += " " + strconv.Itoa(e.Code)
	}
	return []byte(text), nil
}

// UnmarshalText reads what MarshalText has written.
func (e *End) UnmarshalText(text []byte) (err error) {
	fields := strings.Split(string(text), " ")
	if len(fields) != 2 && len(fields) != 3 {
		return fmt.Errorf("the end of an instance is %q, not a node with a revision, a time and perhaps an exit code", text)
	}
	seconds, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return fmt.Errorf("read the time of an instance's end: %w", err)
	}
	node, revision, has := strings.Cut(fields[0], "/")
	*e = End{Outcome: Complete, Node: node, At: time.Unix(seconds, 0).UTC()}
	if has {
		if e.Revision, err = strconv.ParseInt(revision, 10, 64); err != nil {
			return fmt.Errorf("read the revision of an instance that ended: %w", err)
		}
	}
	if len(fields) == 3 {
		e.Outcome = Failed
		if e.Code, err = strconv.Atoi(fields[2]); err != nil {
			return fmt.Errorf("read the exit code of an instance that failed: %w", err)
		}
	}
	return nil
}
