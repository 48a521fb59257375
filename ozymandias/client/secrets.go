package client

import (
	"bytes"
	"context"
	"net/http"
	"net/url"

	"teamtask.dev/ozymandias/api/v1"
)

// Secrets lists them, never their values.
func (c *Client) Secrets(ctx context.Context) ([]v1.Secret, error) {
	return list[v1.Secret](ctx, c, "/v1/secrets", nil)
}

// PutSecret sets a secret.
func (c *Client) PutSecret(ctx context.Context, name string, value []byte) (out v1.Secret, err error) {
	r, err := c.request(ctx, http.MethodPut, "/v1/secrets", url.Values{"name": {name}}, "application/octet-stream", bytes.NewReader(value))
	if err == nil {
		err = c.read(r, &out)
	}
	return out, err
}

// DeleteSecret deletes one. What runs keeps it.
func (c *Client) DeleteSecret(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/secrets", url.Values{"name": {name}}, nil, nil)
}
