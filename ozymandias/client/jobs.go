package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"teamtask.dev/ozymandias/api/v1"
)

// Room says what becomes of a change for which there is no room. The zero value has it refused.
type Room struct {
	// Wait takes it all the same: what has no room waits.
	Wait bool
	// DryRun only says what it would come to.
	DryRun bool
}

func (r Room) query() url.Values {
	query := url.Values{}
	if r.Wait {
		query.Set("wait", "true")
	}
	if r.DryRun {
		query.Set("dryRun", "true")
	}
	return query
}

// Jobs lists all jobs, by name.
func (c *Client) Jobs(ctx context.Context) ([]v1.Job, error) {
	return list[v1.Job](ctx, c, "/v1/jobs", nil)
}

// Job tells all about one: its instances, what was decided of it.
func (c *Client) Job(ctx context.Context, name string) (v1.Job, error) {
	return get[v1.Job](ctx, c, "/v1/jobs/"+escape(name), nil)
}

// Apply creates the jobs of a file, or changes them to what it says: all or none. The name is what faults are to call the file.
func (c *Client) Apply(ctx context.Context, name string, file []byte, room Room) (out v1.Applied, err error) {
	query := room.query()
	query.Set("filename", name)
	r, err := c.request(ctx, http.MethodPut, "/v1/jobs", query, "application/yaml", bytes.NewReader(file))
	if err == nil {
		err = c.read(r, &out)
	}
	return out, err
}

// Scale has a job have n instances.
func (c *Client) Scale(ctx context.Context, name string, n int, room Room) (out v1.Applied, err error) {
	err = c.call(ctx, http.MethodPatch, "/v1/jobs/"+escape(name), room.query(), v1.JobPatch{NumInstances: n}, &out)
	return out, err
}

// RollBack has a job run again what it ran before the last deploy.
func (c *Client) RollBack(ctx context.Context, name string, room Room) (out v1.Applied, err error) {
	err = c.call(ctx, http.MethodPost, "/v1/jobs/"+escape(name)+"/rollback", room.query(), nil, &out)
	return out, err
}

// onePatience is how long one call waits for the end of a job at most: what is between it and the node may not wait for longer.
var onePatience = time.Minute

// Delete has the job go that has the name now, and waits for its end for so long at most: gone tells whether that has come. A job that takes the
// name meanwhile stays; called again, that is the one that goes.
func (c *Client) Delete(ctx context.Context, name string, wait time.Duration) (gone bool, err error) {
	enough := time.Now().Add(wait)
	for uid := ""; ; {
		query := named("uid", uid)
		if wait > 0 {
			query.Set("wait", min(wait, onePatience).String())
		}
		uid, gone, err = c.remove(ctx, name, query)
		wait = time.Until(enough)
		// A node of an earlier version does not say which job it was: the next time it might mean another one.
		if err != nil || gone || wait <= 0 || uid == "" {
			return gone, err
		}
	}
}

// remove has a job go by one call, which tells which one it is.
func (c *Client) remove(ctx context.Context, name string, query url.Values) (uid string, gone bool, err error) {
	r, err := c.request(ctx, http.MethodDelete, "/v1/jobs/"+escape(name), query, "", nil)
	if err != nil {
		return "", false, err
	}
	answer, err := c.send(r)
	if err != nil {
		return "", false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNoContent {
		return "", true, nil
	}
	var goes v1.Deletion
	if err := json.NewDecoder(answer.Body).Decode(&goes); err != nil && !errors.Is(err, io.EOF) {
		return "", false, &UnreachedError{c.where, err}
	}
	return goes.UID, false, nil
}

// Instances lists those of a job and on a node; "": of all, on all.
func (c *Client) Instances(ctx context.Context, job, node string) ([]v1.Instance, error) {
	return list[v1.Instance](ctx, c, "/v1/instances", named("job", job, "node", node))
}

// Instance tells all about one, by its name, JOB-ID.
func (c *Client) Instance(ctx context.Context, name string) (v1.Instance, error) {
	return get[v1.Instance](ctx, c, "/v1/instances/"+escape(name), nil)
}

// ExplainJob says why a job does, or does not, run.
func (c *Client) ExplainJob(ctx context.Context, name string) ([]string, error) {
	e, err := get[v1.Explanation](ctx, c, "/v1/jobs/"+escape(name)+"/explanation", nil)
	return e.Sentences, err
}

// ExplainFile says whether the jobs of a file would fit, and where.
func (c *Client) ExplainFile(ctx context.Context, name string, file []byte) ([]string, error) {
	var e v1.Explanation
	r, err := c.request(ctx, http.MethodPost, "/v1/explanation", named("filename", name), "application/yaml", bytes.NewReader(file))
	if err == nil {
		err = c.read(r, &e)
	}
	return e.Sentences, err
}
