package client

import (
	"context"
	"net/http"

	"teamtask.dev/api/v1alpha1"
)

// Claim takes blocks of a worklist. Where there is none the answer says why.
func (c *Client) Claim(ctx context.Context, name string, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
	out := &v1alpha1.ClaimResponse{}
	return out, c.call(ctx, http.MethodPost, path(name, "blocks", "claim"), req, out)
}

// ClaimAny takes blocks of whichever list comes first, by priority and weight. The answer names the list.
func (c *Client) ClaimAny(ctx context.Context, req *v1alpha1.ClaimRequest) (*v1alpha1.ClaimResponse, error) {
	out := &v1alpha1.ClaimResponse{}
	return out, c.call(ctx, http.MethodPost, "/v1/claim", req, out)
}

// Exchange turns in reports, renews leases and takes the next blocks, in one round trip.
func (c *Client) Exchange(ctx context.Context, name string, req *v1alpha1.ExchangeRequest) (*v1alpha1.ExchangeResponse, error) {
	out := &v1alpha1.ExchangeResponse{}
	return out, c.call(ctx, http.MethodPost, path(name, "blocks", "exchange"), req, out)
}

// Complete reports a block, or a part of it, done. A lease that is gone is a conflict.
func (c *Client) Complete(ctx context.Context, name, worker string, r v1alpha1.Report) (v1alpha1.Receipt, error) {
	var out v1alpha1.Receipt
	err := c.call(ctx, http.MethodPost, path(name, "blocks", "complete"), struct {
		Worker string `json:"worker"`
		v1alpha1.Report
	}{worker, r}, &out)
	return out, err
}
