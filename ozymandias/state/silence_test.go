package state

import (
	"testing"
	"time"
)

// Impatient has mirrors notice a silent watch sooner, until the test ends.
func Impatient(t *testing.T) {
	before := silence
	silence = time.Second
	t.Cleanup(func() { silence = before })
}
