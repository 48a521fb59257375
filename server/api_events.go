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
			for {
				changed := k.watch.next()
				var status v1alpha1.WorklistStatus
				if err := k.read(func(now time.Time) { status = statusOf(k.ledger, now) }); err != nil {
					send.Data(goneEvent{err.Error()})
					return
				}
				if err := send.Data(status); err != nil || status.Phase().Over() {
					return
				}
				pause := time.NewTimer(eventPause)
				select {
				case <-ctx.Done():
					pause.Stop()
					return
				case <-pause.C:
				}
				// Without a change there is an event now and then all the same: rates fall, and the connection is kept.
				still := time.NewTimer(5 * time.Second)
				select {
				case <-ctx.Done():
				case <-changed:
				case <-still.C:
				}
				still.Stop()
				if ctx.Err() != nil {
					return
				}
			}
		})
}
