package client

import (
	"context"
	"net/http"

	"teamtask.dev/ozymandias/api/v1"
)

// Nodes lists all nodes, by name.
func (c *Client) Nodes(ctx context.Context) ([]v1.Node, error) {
	return list[v1.Node](ctx, c, "/v1/nodes", nil)
}

// Node tells of one.
func (c *Client) Node(ctx context.Context, name string) (v1.Node, error) {
	return get[v1.Node](ctx, c, "/v1/nodes/"+escape(name), nil)
}

// Drain has a node's instances go elsewhere, or lets new ones come again.
func (c *Client) Drain(ctx context.Context, name string, draining bool) (out v1.Node, err error) {
	err = c.call(ctx, http.MethodPatch, "/v1/nodes/"+escape(name), nil, v1.NodePatch{Draining: &draining}, &out)
	return out, err
}

// Label sets labels of a node; nil takes one away.
func (c *Client) Label(ctx context.Context, name string, labels map[string]*string) (out v1.Node, err error) {
	err = c.call(ctx, http.MethodPatch, "/v1/nodes/"+escape(name), nil, v1.NodePatch{Labels: labels}, &out)
	return out, err
}

// Forget has a node be forgotten that is lost for good.
func (c *Client) Forget(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/nodes/"+escape(name), nil, nil, nil)
}

// ExplainNode says how a node stands, and what its loss would mean.
func (c *Client) ExplainNode(ctx context.Context, name string) ([]string, error) {
	e, err := get[v1.Explanation](ctx, c, "/v1/nodes/"+escape(name)+"/explanation", nil)
	return e.Sentences, err
}

// Explain says what waits, and what the loss of any node would mean.
func (c *Client) Explain(ctx context.Context) ([]string, error) {
	e, err := get[v1.Explanation](ctx, c, "/v1/explanation", nil)
	return e.Sentences, err
}

// Usage measures what the instances on a node take.
func (c *Client) Usage(ctx context.Context, node string) (v1.Usage, error) {
	return get[v1.Usage](ctx, c, "/v1/nodes/"+escape(node)+"/usage", nil)
}

// Plans lists what each node is to run.
func (c *Client) Plans(ctx context.Context) ([]v1.Plan, error) {
	return list[v1.Plan](ctx, c, "/v1/plans", nil)
}

// Events lists what was decided lately about a job and a node; "": about all.
func (c *Client) Events(ctx context.Context, job, node string) ([]v1.Event, error) {
	return list[v1.Event](ctx, c, "/v1/events", named("job", job, "node", node))
}

// Version is of the program that answers.
func (c *Client) Version(ctx context.Context) (v1.Version, error) {
	return get[v1.Version](ctx, c, "/v1/version", nil)
}
