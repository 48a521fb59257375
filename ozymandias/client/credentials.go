package client

import (
	"context"
	"net/http"

	"teamtask.dev/ozymandias/api/v1"
)

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
