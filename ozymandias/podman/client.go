package podman

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

// Client speaks to a podman service. It has no patience of its own: contexts say how long to wait.
type Client struct {
	socket string
	http   *http.Client

	answered atomic.Pointer[time.Time]
}

// Connect returns a client of the service on that socket. It connects when it is first used.
func Connect(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket: socket, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close gives up connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Answered is when the service last answered anything, also that it would not do what it was asked for; zero if it never did.
func (c *Client) Answered() time.Time {
	if at := c.answered.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Ping asks whether the service answers.
func (c *Client) Ping(ctx context.Context) error {
	return c.call(ctx, http.MethodGet, "/_ping", nil, nil, nil)
}

// base is the part of each address that is the same. The host means nothing on a Unix socket.
const base = "http://podman/v4.0.0/libpod"

// request makes one with a body of JSON, or of bytes if it is a reader.
func request(ctx context.Context, method, path string, query url.Values, body any) (*http.Request, error) {
	var sent io.Reader
	kind := "application/json"
	switch body := body.(type) {
	case nil:
	case io.Reader:
		sent, kind = body, "application/x-tar"
	default:
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("write a request to podman: %w", err)
		}
		sent = bytes.NewReader(b)
	}
	address := base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, sent)
	if err != nil {
		return nil, fmt.Errorf("write a request to podman: %w", err)
	}
	// Without it podman takes the body for a form, and finds nothing in it.
	r.Header.Set("Content-Type", kind)
	return r, nil
}

// send sends a request and returns the answer if it is a success, with a body to close.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, fmt.Errorf("ask podman: %w", err)
	}
	now := time.Now()
	c.answered.Store(&now)
	// 304 means that nothing was to be done, as to start what runs.
	if answer.StatusCode >= 300 && answer.StatusCode != http.StatusNotModified {
		defer answer.Body.Close()
		return nil, refusal(answer)
	}
	return answer, nil
}

// stream asks and returns the body of the answer.
func (c *Client) stream(ctx context.Context, method, path string, query url.Values, body any) (io.ReadCloser, error) {
	r, err := request(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	answer, err := c.send(r)
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// call asks and reads an answer of JSON, unless into is nil. What was asked for is asked once more if podman had to be told of an end.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, into any) error {
	answer, err := c.stream(ctx, method, path, query, body)
	if refused := (*Error)(nil); method == http.MethodGet && errors.As(err, &refused) {
		told, failed := c.halfTold()
		if failed != nil {
			return errors.Join(err, failed)
		}
		if told {
			answer, err = c.stream(ctx, method, path, query, body)
		}
	}
	if err != nil {
		return err
	}
	defer answer.Close()
	if into == nil {
		_, err = io.Copy(io.Discard, answer) // so that the connection can be used again
	} else {
		err = json.NewDecoder(answer).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("read podman's answer: %w", err)
	}
	return nil
}

// filters writes what a list is limited to: to those that have all these labels.
func filters(labels map[string]string) url.Values {
	if len(labels) == 0 {
		return url.Values{}
	}
	terms := make([]string, 0, len(labels))
	for label, value := range labels {
		terms = append(terms, label+"="+value)
	}
	return filter(map[string][]string{"label": terms})
}

func filter(by map[string][]string) url.Values {
	b, err := json.Marshal(by)
	if err != nil {
		panic(err) // text can be written
	}
	return url.Values{"filters": {string(b)}}
}
