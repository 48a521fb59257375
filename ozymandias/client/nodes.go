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

// Tokens lists them, without their secrets.
func (c *Client) Tokens(ctx context.Context) ([]v1.Token, error) {
	return list[v1.Token](ctx, c, "/v1/tokens", nil)
}

// CreateToken makes one. Nobody can find out its secret later.
func (c *Client) CreateToken(ctx context.Context, n v1.NewToken) (out v1.CreatedToken, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/tokens", nil, n, &out)
	return out, err
}

// DeleteToken has a token open nothing any more.
func (c *Client) DeleteToken(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/tokens/"+escape(name), nil, nil, nil)
}

// JoinToken is the token by which a node joins the cluster.
func (c *Client) JoinToken(ctx context.Context) (string, error) {
	t, err := get[v1.JoinToken](ctx, c, "/v1/join-token", nil)
	return t.Token, err
}

// NewJoinToken makes another token to join by; the old one lets nobody in any more.
func (c *Client) NewJoinToken(ctx context.Context) (string, error) {
	var t v1.JoinToken
	err := c.call(ctx, http.MethodPost, "/v1/join-token", nil, nil, &t)
	return t.Token, err
}

// Certificates lists the client certificates of admins that have not ended.
func (c *Client) Certificates(ctx context.Context) ([]v1.Certificate, error) {
	return list[v1.Certificate](ctx, c, "/v1/certificates", nil)
}

// DeleteCertificates has all certificates of that name open nothing any more.
func (c *Client) DeleteCertificates(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/certificates/"+escape(name), nil, nil, nil)
}

// CreateCertificate has the cluster's authority issue a client certificate for an admin.
func (c *Client) CreateCertificate(ctx context.Context, n v1.NewCertificate) (out v1.CreatedCertificate, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/certificates", nil, n, &out)
	return out, err
}
