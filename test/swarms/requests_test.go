package swarms

import (
	"net/http"
	"strings"
	"time"

	"teamtask.dev/test/chaos"
)

// forPeople tells whether a request is about events.
func forPeople(r *http.Request) bool { return strings.Contains(r.URL.Path, "/events.k8s.io/") }

// writes tells whether a request changes something that who owns what depends on. Events are for people; what is said in the status of
// an Assignment about where its worker stands is as well, and for that of workers which fall silent see package assignments.
func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && !forPeople(r) &&
		!(strings.Contains(r.URL.Path, "/assignments/") && strings.HasSuffix(r.URL.Path, "/status"))
}

// announces tells whether a request says what is decided about a Swarm.
func announces(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/swarms/") && strings.HasSuffix(r.URL.Path, "/status")
}

// writesParts tells whether a request gives a worker its part.
func writesParts(r *http.Request) bool {
	return (r.Method == http.MethodPut || r.Method == http.MethodPatch) && strings.Contains(r.URL.Path, "/assignments/") && !strings.HasSuffix(r.URL.Path, "/status")
}

func loses(c *chaos.Chance) chaos.Fault {
	return c.Loses(func(r *http.Request) bool { return !forPeople(r) }, writes)
}

func pauses(c *chaos.Chance) chaos.Fault { return c.Pauses(writes, 0.3, time.Second) }

// newLens is one for all watches.
func newLens() *chaos.Lens { return chaos.NewLens(func(*http.Request) bool { return true }) }
