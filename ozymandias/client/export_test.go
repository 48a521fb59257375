package client

import (
	"testing"
	"time"
)

// Impatient has one call wait that long for the end of a job at most.
func Impatient(t *testing.T, patience time.Duration) {
	before := onePatience
	onePatience = patience
	t.Cleanup(func() { onePatience = before })
}
