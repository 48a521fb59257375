package client

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/member"
)

// Swarm is where workers join the pool of a swarm:
//
//	err := member.Run(ctx, c.Swarm("streams"), member.Worker{Name: host}, member.Options{}, apply)
func (c *Client) Swarm(name string) member.Door { return &door{c, name} }

type door struct {
	*Client
	swarm string
}

// Join makes the worker known. That another of its name is there is a conflict (see [IsConflict]), which passes.
func (d *door) Join(ctx context.Context, w member.Worker) (member.Session, error) {
	req := v1alpha1.JoinRequest{Worker: w.Name, Labels: w.Labels, Incarnation: rand.Text()} // so that it can be repeated
	var resp v1alpha1.JoinResponse
	err := d.call(ctx, http.MethodPost, swarmPath(d.swarm, "workers"), req, &resp)
	var p *Problem
	if errors.As(err, &p) && p.Status >= 400 && p.Status < 500 && p.Status != http.StatusConflict {
		return nil, fmt.Errorf("%w: %w", member.ErrRefused, err)
	}
	if err != nil {
		return nil, err
	}
	return &session{d, w.Name, resp}, nil
}

// session is one incarnation of a worker at a List server.
type session struct {
	*door
	worker string
	joined v1alpha1.JoinResponse
}

func (s *session) Incarnation() string { return s.joined.Incarnation }

// Lease is what the worker was told when it joined: it stays the same.
func (s *session) Lease() time.Duration { return s.joined.Lease.Duration }

func (s *session) Renew(ctx context.Context, r member.Report) error {
	req := v1alpha1.RenewalRequest{Incarnation: s.joined.Incarnation, Version: r.Version, Draining: r.Draining, Trouble: r.Trouble}
	return s.lost(s.call(ctx, http.MethodPut, swarmPath(s.swarm, "workers", s.worker), req, nil))
}

func (s *session) Leave(ctx context.Context) error {
	return s.lost(s.call(ctx, http.MethodDelete, swarmPath(s.swarm, "workers", s.worker)+s.query(), nil, nil))
}

func (s *session) query() string { return "?incarnation=" + url.QueryEscape(s.joined.Incarnation) }

// lost tells which errors end the session: the server knows another incarnation, no such worker, or no such swarm; or the worker has
// not acknowledged its part in time.
func (s *session) lost(err error) error {
	var p *Problem
	if IsConflict(err) && errors.As(err, &p) && len(p.Errors) > 0 && p.Errors[0].Location == "body.version" {
		return fmt.Errorf("%w: %w", member.ErrOverdue, err)
	}
	if IsConflict(err) || IsNotFound(err) {
		return fmt.Errorf("%w: %w", member.ErrLost, err)
	}
	return err
}

const (
	// silence is how long a stream may be silent before it is held to be dead: the server says something every 5 seconds.
	silence = 20 * time.Second
	// breath is the pause before a stream that has ended is asked for again.
	breath = 100 * time.Millisecond
)

// Next asks for the worker's stream anew each time, as that begins with the latest part.
func (s *session) Next(ctx context.Context, after int64) (v1alpha1.AssignmentSpec, error) {
	for {
		part, err := s.next(ctx, after)
		var p *Problem
		switch {
		case part != nil:
			return *part, nil
		case errors.Is(err, member.ErrLost), errors.As(err, &p) && p.Status < http.StatusInternalServerError:
			return v1alpha1.AssignmentSpec{}, err
		}
		t := time.NewTimer(breath)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return v1alpha1.AssignmentSpec{}, ctx.Err()
		}
	}
}

// next follows one stream. Without a part, and without an error that says that asking again is of no use, the stream has ended.
func (s *session) next(ctx context.Context, after int64) (*v1alpha1.AssignmentSpec, error) {
	ctx, hangUp := context.WithCancel(ctx)
	defer hangUp()
	dead := time.AfterFunc(silence, hangUp)
	defer dead.Stop()
	resp, err := s.repeat(ctx, http.MethodGet, swarmPath(s.swarm, "workers", s.worker, "assignment")+s.query(), nil, "")
	if err != nil {
		return nil, s.lost(err)
	}
	defer resp.Body.Close()
	for event, data := range events(resp.Body) {
		dead.Reset(silence)
		switch event {
		case "assignment":
			var a v1alpha1.Assignment
			if err := json.Unmarshal(data, &a); err != nil {
				return nil, fmt.Errorf("read the assignment: %w", err)
			}
			if a.Spec.Version != after {
				return &a.Spec, nil
			}
		case "lost":
			var why struct{ Message string }
			json.Unmarshal(data, &why)
			return nil, fmt.Errorf("%w: %s", member.ErrLost, why.Message)
		case "gone":
			return nil, nil
		}
	}
	return nil, nil
}
