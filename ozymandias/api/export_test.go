package api

import (
	"testing"
	"time"
)

// Search takes a turn, as an explanation does.
var Search = (*API).search

// Impatient has answers warn after that much silence.
func Impatient(t *testing.T, after time.Duration) {
	before := stale
	stale = after
	t.Cleanup(func() { stale = before })
}
