package server

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/sse"

	"teamtask.dev/api/v1alpha1"
)

// eventPause is the least time between two events of a stream: a person watches, or a program that reads the newest.
const eventPause = 200 * time.Millisecond

// gone says that the list was deleted, or is being taken over by another server: ask again.
type goneEvent struct {
	Message string `json:"message"`
}

func (s *Server) registerEvents(api huma.API) {
	sse.Register(api, huma.Operation{OperationID: "watch-worklist", Method: http.MethodGet, Path: "/v1/worklists/{name}/events",
		Tags: []string{"Worklists"}, Summary: "Watch a worklist: its status now, and after each change until it is over"},
		map[string]any{"status": v1alpha1.WorklistStatus{}, "gone": goneEvent{}},
		func(ctx context.Context, in *ListPath, send sse.Sender) {
			k, err := s.mine(ctx, in.Name)
			if err != nil {
				send.Data(goneEvent{err.Error()})
				return
			}
			follow(ctx, eventPause, func() (changed <-chan struct{}, more bool) {
				changed = k.watch.next()
				var status v1alpha1.WorklistStatus
				if err := k.read(func(now time.Time) { status = statusOf(k.ledger, now) }); err != nil {
					send.Data(goneEvent{err.Error()})
					return nil, false
				}
				err := send.Data(status)
				return changed, err == nil && !status.Phase().Over()
			})
		})
}

// eventStill is how long a stream is silent at most: without a change there is an event all the same, as rates fall, and the
// connection is kept.
const eventStill = 5 * time.Second

// follow calls tell now, after each change and now and then, as long as there is more to tell; with a pause after each.
func follow(ctx context.Context, pause time.Duration, tell func() (changed <-chan struct{}, more bool)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		changed, more := tell()
		if !more {
			return
		}
		timer.Reset(pause)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		timer.Reset(eventStill)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-timer.C:
		}
	}
}
