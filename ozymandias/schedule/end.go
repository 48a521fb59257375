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

// An End is that of an instance that ended for good. But for the outcome it is for people: nothing is decided by it.
type End struct {
	Outcome Outcome
	Node    string    // where it ran last
	At      time.Time // by that node's clock, in seconds
	Code    int       // of the first container by name that ended badly; 0 if none did
}

// end is how an instance ended, if it did.
func (c Condition) end(node string) (e End, ended bool) {
	e = End{Outcome: Complete, Node: node, At: c.Since.Truncate(time.Second)}
	switch c.Phase {
	case Ended:
		return e, true
	case Broken:
		e.Outcome = Failed
		for _, name := range slices.Sorted(maps.Keys(c.Containers)) {
			e.Code = cmp.Or(e.Code, c.Containers[name].ExitCode)
		}
		return e, true
	}
	return e, false
}

// MarshalText writes the node, the time in seconds since 1970 and, if it failed, the exit code: "n1 1767323045 137". A job may have ten
// thousand of them in a record that is written whenever one is added.
func (e End) MarshalText() ([]byte, error) {
	text := fmt.Sprint(e.Node, " ", e.At.Unix())
	if e.Outcome == Failed {
		text += " " + strconv.Itoa(e.Code)
	}
	return []byte(text), nil
}

// UnmarshalText reads what MarshalText has written.
func (e *End) UnmarshalText(text []byte) (err error) {
	fields := strings.Split(string(text), " ")
	if len(fields) != 2 && len(fields) != 3 {
		return fmt.Errorf("the end of an instance is %q, not a node, a time and perhaps an exit code", text)
	}
	seconds, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return fmt.Errorf("read the time of an instance's end: %w", err)
	}
	*e = End{Outcome: Complete, Node: fields[0], At: time.Unix(seconds, 0).UTC()}
	if len(fields) == 3 {
		e.Outcome = Failed
		if e.Code, err = strconv.Atoi(fields[2]); err != nil {
			return fmt.Errorf("read the exit code of an instance that failed: %w", err)
		}
	}
	return nil
}
