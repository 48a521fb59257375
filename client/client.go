package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Client speaks to a List server. Make one with [New]. It is safe for concurrent use.
type Client struct {
	URL   string // of the server, such as http://localhost:7070
	Token string
	// TokenFile has the token, if it is not "". It is read for each call: the file of a pod's service account is written anew every
	// hour, long before the token that it had expires.
	TokenFile string
	HTTP      *http.Client // does the calls; without a time limit, since claims wait

	// Patience is how long a call is repeated while the server cannot be reached. Default 10s; below 0: not at all.
	Patience time.Duration
}

// New is a client of the server at that URL.
func New(url, token string) *Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return &Client{URL: strings.TrimSuffix(url, "/"), Token: token, HTTP: &http.Client{Transport: t}}
}

// Close closes idle connections.
func (c *Client) Close() { c.HTTP.CloseIdleConnections() }

// Bearer is the token that calls bring now; "": none.
func (c *Client) Bearer() (string, error) {
	if c.TokenFile == "" {
		return c.Token, nil
	}
	text, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", fmt.Errorf("read the token: %s is empty", c.TokenFile)
	}
	return token, nil
}

// Problem is an error the server answered with: problem details (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
		Value    any    `json:"value"`
	} `json:"errors"`
}

func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.Detail)
	if p.Detail == "" {
		fmt.Fprintf(&b, "%d %s", p.Status, p.Title)
	}
	for _, e := range p.Errors {
		if !strings.Contains(p.Detail, e.Message) {
			fmt.Fprintf(&b, "; %s: %s", strings.TrimPrefix(e.Location, "body."), e.Message)
		}
	}
	return b.String()
}

// IsNotFound tells whether the server has no such thing.
func IsNotFound(err error) bool { return hasStatus(err, http.StatusNotFound) }

// IsConflict tells whether the server refused because of how things are: a list of that name with another spec, a lease
// that is gone.
func IsConflict(err error) bool { return hasStatus(err, http.StatusConflict) }

func hasStatus(err error, status int) bool {
	var p *Problem
	return errors.As(err, &p) && p.Status == status
}

// call does a request with a JSON body and reads a JSON answer, either of which may be nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	body, contentType := []byte(nil), "application/json"
	switch v := in.(type) {
	case nil:
	case mergePatch:
		body, contentType = v, "application/merge-patch+json"
	default:
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	resp, err := c.repeat(ctx, method, path, body, contentType)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return nil
}

// ask is call with an answer of type T.
func ask[T any](ctx context.Context, c *Client, method, path string, in any) (*T, error) {
	out := new(T)
	return out, c.call(ctx, method, path, in, out)
}

// repeat sends a request until it is answered for good or the client's patience is at its end.
func (c *Client) repeat(ctx context.Context, method, path string, body []byte, contentType string) (*http.Response, error) {
	patience := c.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	until := time.Now().Add(patience)
	pause := 50 * time.Millisecond
	for {
		resp, err := c.send(ctx, method, path, body, contentType)
		if err == nil {
			return resp, nil
		}
		var p *Problem
		again := !errors.As(err, &p) || p.Status == http.StatusServiceUnavailable || p.Status == http.StatusBadGateway
		rest := pause/2 + rand.N(pause)
		if !again || ctx.Err() != nil || time.Now().Add(rest).After(until) {
			return nil, err
		}
		t := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, err
		case <-t.C:
		}
		pause = min(2*pause, time.Second)
	}
}

func (c *Client) send(ctx context.Context, method, path string, body []byte, contentType string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", contentType)
	}
	token, err := c.Bearer()
	if err != nil {
		return nil, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is said below
		}
		return nil, fmt.Errorf("reach the server at %s: %w", c.URL, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	p := &Problem{}
	if json.Unmarshal(text, p) != nil || p.Status == 0 {
		p = &Problem{Status: resp.StatusCode, Title: http.StatusText(resp.StatusCode), Detail: strings.TrimRight(
			"the server at "+c.URL+" answered "+strconv.Itoa(resp.StatusCode)+": "+string(text), ": \t\n")}
	}
	return nil, p
}

type mergePatch []byte

// patchOf is the merge patch that v marshals to.
func patchOf(what, name string, v any) (mergePatch, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("patch %s %s: %w", what, name, err)
	}
	return raw, nil
}
