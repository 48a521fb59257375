package faults

import (
	"bytes"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"teamtask.dev/test/chaos"
)

// ours tells whether a request is about Worklists or Blocks. Events are for people.
func ours(r *http.Request) bool { return strings.Contains(r.URL.Path, "/teamtask.dev/") }

// writes tells whether a request may change one.
func writes(r *http.Request) bool { return r.Method != http.MethodGet && ours(r) }

// readsBlocks tells whether a request is the one with which a decision reads the Blocks of a list.
func readsBlocks(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/blocks") && !chaos.Watches(r) && strings.Contains(r.URL.RawQuery, "spec.worklist")
}

// changes tells whether a line of a watch says that an object has changed, or is gone.
func changes(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"type":"MODIFIED"`)) || bytes.HasPrefix(line, []byte(`{"type":"DELETED"`))
}

// counter counts writes that arrive.
type counter struct{ atomic.Int64 }

func (c *counter) fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	if writes(r) {
		c.Add(1)
	}
	return send()
}

func loses(c *chaos.Chance) chaos.Fault { return c.Loses(ours, writes) }

func pauses(c *chaos.Chance) chaos.Fault { return c.Pauses(writes, 0.15, 400*time.Millisecond) }

// newLens is one for watches of Worklists and Blocks.
func newLens() *chaos.Lens { return chaos.NewLens(ours) }
