package podman

import (
	"context"
	"encoding/json"
	"iter"
	"net/http"
	"strconv"
	"time"
)

// again is the pause before podman is asked once more after it has failed to answer.
const again = 500 * time.Millisecond

// Deaths yields the name of each container that ends, from a time on, to the second, until ctx ends. When the service goes away it waits for
// another, and hears from that what has happened meanwhile; an end may be told of twice then. The containers that hold pods' namespaces are
// among them.
func (c *Client) Deaths(ctx context.Context, since time.Time) iter.Seq[string] {
	return func(yield func(string) bool) {
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
func (c *Client) deaths(ctx context.Context, since *time.Time, yield func(string) bool) bool {
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
				Attributes struct {
					Name string `json:"name"`
				}
			}
			TimeNano int64 `json:"timeNano"`
		}
		if events.Decode(&event) != nil {
			return true
		}
		*since = time.Unix(0, event.TimeNano)
		if !yield(event.Actor.Attributes.Name) {
			return false
		}
	}
}
