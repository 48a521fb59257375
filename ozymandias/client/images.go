package client

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"teamtask.dev/ozymandias/api/v1"
)

// Images lists those that were loaded into the cluster.
func (c *Client) Images(ctx context.Context) ([]v1.Image, error) {
	return list[v1.Image](ctx, c, "/v1/images", nil)
}

// LoadImages loads images into the cluster, from an archive as `podman save` and `docker save` write it, and returns their names.
func (c *Client) LoadImages(ctx context.Context, archive io.Reader) ([]string, error) {
	var out v1.LoadedImages
	r, err := c.request(ctx, http.MethodPost, "/v1/images", nil, "application/x-tar", io.NopCloser(archive))
	if err == nil {
		err = c.read(r, &out)
	}
	return out.Names, err
}

// DeleteImage takes an image out of the cluster.
func (c *Client) DeleteImage(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, "/v1/images", url.Values{"name": {name}}, nil, nil)
}
