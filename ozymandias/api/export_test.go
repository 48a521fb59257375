package api

import (
	"testing"
	"time"
)

// Search takes a turn, as an explanation does.
var Search = (*API).search

// Log is what a container has written.
type Log = log

// Send answers with logs, by container.
var Send = send

// Impatient has answers warn after that much silence.
func Impatient(t *testing.T, after time.Duration) {
	before := stale
	stale = after
	t.Cleanup(func() { stale = before })
}
