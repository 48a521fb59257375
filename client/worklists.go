package client

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"teamtask.dev/api/v1alpha1"
)

func path(name string, parts ...string) string {
	p := "/v1/worklists/" + url.PathEscape(name)
	for _, x := range parts {
		p += "/" + x
	}
	return p
}

// Create makes a worklist. One that exists with the same spec is answered as it is; with another spec it is a conflict.
func (c *Client) Create(ctx context.Context, wl *v1alpha1.Worklist) (*v1alpha1.Worklist, error) {
	return ask[v1alpha1.Worklist](ctx, c, http.MethodPost, "/v1/worklists", wl)
}

// Apply makes a worklist, or gives the one that exists this spec.
func (c *Client) Apply(ctx context.Context, wl *v1alpha1.Worklist) (*v1alpha1.Worklist, error) {
	return ask[v1alpha1.Worklist](ctx, c, http.MethodPut, path(wl.Name), wl)
}

// Get is a worklist with its status.
func (c *Client) Get(ctx context.Context, name string) (*v1alpha1.Worklist, error) {
	return ask[v1alpha1.Worklist](ctx, c, http.MethodGet, path(name), nil)
}

// Page is at most limit worklists by name, after the one of the given name; its Continue is where the next page starts.
func (c *Client) Page(ctx context.Context, after string, limit int) (*v1alpha1.WorklistList, error) {
	return ask[v1alpha1.WorklistList](ctx, c, http.MethodGet, pageOf("/v1/worklists", after, limit), nil)
}

// Worklists yields all worklists by name.
func (c *Client) Worklists(ctx context.Context) iter.Seq2[*v1alpha1.Worklist, error] {
	return pages(func(after string) ([]v1alpha1.Worklist, string, error) {
		page, err := c.Page(ctx, after, 100)
		return page.Items, page.Continue, err
	})
}

// Patch changes a worklist by a merge patch (RFC 7396), given as anything that marshals to one.
func (c *Client) Patch(ctx context.Context, name string, patch any) (*v1alpha1.Worklist, error) {
	raw, err := patchOf("list", name, patch)
	if err != nil {
		return nil, err
	}
	return ask[v1alpha1.Worklist](ctx, c, http.MethodPatch, path(name), raw)
}

// Delete removes a worklist with its results.
func (c *Client) Delete(ctx context.Context, name string) error {
	return c.call(ctx, http.MethodDelete, path(name), nil, nil)
}

// Retry hands out failed items again, and returns how many.
func (c *Client) Retry(ctx context.Context, name string) (int64, error) {
	var out struct{ Items int64 }
	return out.Items, c.call(ctx, http.MethodPost, path(name, "retry"), nil, &out)
}

// Explain says why a worklist does or does not move.
func (c *Client) Explain(ctx context.Context, name string) (v1alpha1.Explanation, error) {
	var out v1alpha1.Explanation
	err := c.call(ctx, http.MethodGet, path(name, "explanation"), nil, &out)
	return out, err
}

// Certificate accounts for every item of a worklist, signed by the server.
func (c *Client) Certificate(ctx context.Context, name string) (v1alpha1.Certificate, error) {
	var out v1alpha1.Certificate
	err := c.call(ctx, http.MethodGet, path(name, "certificate"), nil, &out)
	return out, err
}

// Blocks yields the blocks of a worklist that are out or wait to go out again, by index.
func (c *Client) Blocks(ctx context.Context, name string) iter.Seq2[*v1alpha1.Block, error] {
	return pages(func(after string) ([]v1alpha1.Block, string, error) {
		var page v1alpha1.BlockList
		err := c.call(ctx, http.MethodGet, path(name, "blocks")+"?continue="+cmp.Or(after, "0"), nil, &page)
		return page.Items, page.Continue, err
	})
}

// Locate says where the item with that index is.
func (c *Client) Locate(ctx context.Context, name string, index int64) (v1alpha1.Place, error) {
	return c.place(ctx, name, fmt.Sprintf("index=%d", index))
}

// LocateItem says where an item is.
func (c *Client) LocateItem(ctx context.Context, name, item string) (v1alpha1.Place, error) {
	return c.place(ctx, name, "item="+url.QueryEscape(item))
}

func (c *Client) place(ctx context.Context, name, query string) (v1alpha1.Place, error) {
	var out v1alpha1.Place
	err := c.call(ctx, http.MethodGet, path(name, "place")+"?"+query, nil, &out)
	return out, err
}

// ResultsFilter says which rows of results are wanted; the zero filter: all.
type ResultsFilter struct {
	Failed bool
	Found  bool
}

// Results yields the rows of results of a worklist: failures and found values first.
func (c *Client) Results(ctx context.Context, name string, f ResultsFilter) iter.Seq2[*v1alpha1.Result, error] {
	return func(yield func(*v1alpha1.Result, error) bool) {
		query := fmt.Sprintf("?failed=%t&found=%t", f.Failed, f.Found)
		resp, err := c.repeat(ctx, http.MethodGet, path(name, "results")+query, nil, "")
		if err != nil {
			yield(nil, err)
			return
		}
		defer resp.Body.Close()
		d := json.NewDecoder(resp.Body)
		for d.More() {
			r := &v1alpha1.Result{}
			if err := d.Decode(r); err != nil {
				yield(nil, fmt.Errorf("read the results of list %s: %w", name, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Watch yields the status of a worklist now and after each change, until it is over. It goes on where the connection
// breaks.
func (c *Client) Watch(ctx context.Context, name string) iter.Seq2[v1alpha1.WorklistStatus, error] {
	return func(yield func(v1alpha1.WorklistStatus, error) bool) {
		for ctx.Err() == nil {
			for st, err := range statuses[v1alpha1.WorklistStatus](ctx, c, path(name, "events")) {
				if !yield(st, err) || err != nil || st.Phase().Over() {
					return
				}
			}
		}
	}
}
