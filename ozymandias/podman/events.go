package podman

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// Death is the end of a container.
type Death struct {
	// ID and Name of the container.
	ID, Name string
	ExitCode int
	Time     time.Time
}

// again is the pause before podman is asked once more after it has failed to answer.
const again = 500 * time.Millisecond

// Deaths yields each end of a container from a time on, to the second, until ctx ends. When the service goes away it waits for another,
// and hears from that what has happened meanwhile; one may be told of twice then. Those of the containers that hold pods' namespaces
// are among them.
func (c *Client) Deaths(ctx context.Context, since time.Time) iter.Seq[Death] {
	return func(yield func(Death) bool) {
		for ctx.Err() == nil {
			if !c.deaths(ctx, &since, yield) {
				return
			}
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}
}

// deaths listens until the stream breaks off, and puts since to the last that it heard of. It is false when no more are wanted.
func (c *Client) deaths(ctx context.Context, since *time.Time, yield func(Death) bool) bool {
	ctx, done := context.WithCancel(ctx)
	defer done()
	query := filter(map[string][]string{"type": {"container"}, "event": {"died"}})
	query.Set("stream", "true")
	query.Set("since", strconv.FormatInt(since.Unix(), 10))
	answer, err := c.stream(ctx, http.MethodGet, "/events", query, nil)
	if err != nil {
		return true
	}
	defer answer.Close()
	for events := json.NewDecoder(answer); ; {
		var event struct {
			Actor struct {
				ID         string
				Attributes struct {
					Name     string `json:"name"`
					ExitCode string `json:"containerExitCode"`
				}
			}
			TimeNano int64 `json:"timeNano"`
		}
		if events.Decode(&event) != nil {
			return true
		}
		death := Death{ID: event.Actor.ID, Name: event.Actor.Attributes.Name, Time: time.Unix(0, event.TimeNano)}
		death.ExitCode, _ = strconv.Atoi(event.Actor.Attributes.ExitCode)
		*since = death.Time
		if !yield(death) {
			return false
		}
	}
}
