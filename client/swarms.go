package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"teamtask.dev/api/v1alpha1"
)

func swarmPath(name string, parts ...string) string {
	p := "/v1/swarms/" + url.PathEscape(name)
	for _, x := range parts {
		p += "/" + url.PathEscape(x)
	}
	return p
}

// CreateSwarm makes a swarm. One that exists with the same spec is answered as it is; with another spec it is a conflict.
func (c *Client) CreateSwarm(ctx context.Context, s *v1alpha1.Swarm) (*v1alpha1.Swarm, error) {
	return ask[v1alpha1.Swarm](ctx, c, http.MethodPost, "/v1/swarms", s)
}

// ApplySwarm makes a swarm, or gives the one that exists this spec.
func (c *Client) ApplySwarm(ctx context.Context, s *v1alpha1.Swarm) (*v1alpha1.Swarm, error) {
	return ask[v1alpha1.Swarm](ctx, c, http.MethodPut, swarmPath(s.Name), s)
}

// GetSwarm is a swarm with its status.
func (c *Client) GetSwarm(ctx context.Context, name string) (*v1alpha1.Swarm, error) {
	return ask[v1alpha1.Swarm](ctx, c, http.MethodGet, swarmPath(name), nil)
}

// SwarmPage is at most limit swarms by name, after the one of the given name; its Continue is where the next page starts.
func (c *Client) SwarmPage(ctx context.Context, after string, limit int) (*v1alpha1.SwarmList, error) {
	return ask[v1alpha1.SwarmList](ctx, c, http.MethodGet, pageOf("/v1/swarms", after, limit), nil)
}

// Swarms yields all swarms by name.
func (c *Client) Swarms(ctx context.Context) iter.Seq2[*v1alpha1.Swarm, error] {
	return pages(func(after string) ([]v1alpha1.Swarm, string, error) {
		page, err := c.SwarmPage(ctx, after, 100)
		return page.Items, page.Continue, err
	})
}

// PatchSwarm changes a swarm by a merge patch (RFC 7396), given as anything that marshals to one.
func (c *Client) PatchSwarm(ctx context.Context, name string, patch any) (*v1alpha1.Swarm, error) {
	raw, err := patchOf("swarm", name, patch)
	if err != nil {
		return nil, err
	}
	return ask[v1alpha1.Swarm](ctx, c, http.MethodPatch, swarmPath(name), raw)
}

// DeleteSwarm has a swarm deleted. It goes as soon as its workers have let go of everything, or their leases have run out; until
// then it is there with a DeletionTimestamp.
func (c *Client) DeleteSwarm(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, swarmPath(name), nil, nil)
}

// WatchSwarm yields the status of a swarm now and after each change. It goes on where the connection breaks, until ctx ends; an
// error is the last, such as that the swarm was deleted (see [IsNotFound]).
func (c *Client) WatchSwarm(ctx context.Context, name string) iter.Seq2[v1alpha1.SwarmStatus, error] {
	return func(yield func(v1alpha1.SwarmStatus, error) bool) {
		for ctx.Err() == nil {
			if _, err := c.GetSwarm(ctx, name); err != nil { // a stream says only that it has ended
				yield(v1alpha1.SwarmStatus{}, err)
				return
			}
			for st, err := range statuses[v1alpha1.SwarmStatus](ctx, c, swarmPath(name, "events")) {
				if !yield(st, err) || err != nil {
					return
				}
			}
		}
	}
}

// Assignment is a worker's part of a swarm.
func (c *Client) Assignment(ctx context.Context, swarm, worker string) (*v1alpha1.Assignment, error) {
	return ask[v1alpha1.Assignment](ctx, c, http.MethodGet, swarmPath(swarm, "assignments", worker), nil)
}

// AssignmentPage is at most limit Assignments of a swarm by worker, after that of the worker given; of all swarms if the swarm is "".
// Its Continue is where the next page starts.
func (c *Client) AssignmentPage(ctx context.Context, swarm, after string, limit int) (*v1alpha1.AssignmentList, error) {
	path := "/v1/assignments"
	if swarm != "" {
		path = swarmPath(swarm, "assignments")
	}
	return ask[v1alpha1.AssignmentList](ctx, c, http.MethodGet, pageOf(path, after, limit), nil)
}

// Assignments yields the Assignments of a swarm by worker; those of all swarms if the swarm is "".
func (c *Client) Assignments(ctx context.Context, swarm string) iter.Seq2[*v1alpha1.Assignment, error] {
	return pages(func(after string) ([]v1alpha1.Assignment, string, error) {
		page, err := c.AssignmentPage(ctx, swarm, after, 100)
		return page.Items, page.Continue, err
	})
}
