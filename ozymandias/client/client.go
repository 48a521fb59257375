package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/job"
)

// reachWithin is how long it may take to reach a node on another machine, and to see who it is. A machine that is gone says nothing.
const reachWithin = 10 * time.Second

// Client speaks to a node. Make one with [Local] or [Remote]. It is safe for concurrent use, and has no patience of its own but for how long it
// may take to reach the node: contexts say how long to wait.
type Client struct {
	// Token is shown to the node, if it is not "".
	Token string
	// Warn is told what the node warns of beside its answers, if it is not nil.
	Warn func(text string)

	where string // for people
	url   string
	http  *http.Client
	dial  func(ctx context.Context) (net.Conn, error)
}

// Socket is the node's socket in its run directory.
func Socket(run string) string { return filepath.Join(run, "api.sock") }

// Local is a client of the node on this machine that has that run directory.
func Local(run string) *Client {
	socket := Socket(run)
	c := &Client{where: socket, url: "http://ozymandias", dial: func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	c.http = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }}}
	return c
}

// Remote is a client of the node at a URL, such as https://n1:7700. config says whom to believe, and has the client's certificate, if
// any; nil: whom this machine trusts.
func Remote(address string, config *tls.Config) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no URL of a node: write one such as https://n1:7700", address)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(job.APIPort))
	}
	if config == nil {
		config = &tls.Config{}
	}
	config = config.Clone()
	config.NextProtos = []string{"http/1.1"} // commands in containers take over the connection
	if config.ServerName == "" {
		config.ServerName = u.Hostname()
	}
	c := &Client{where: u.String(), url: strings.TrimSuffix(u.String(), "/"), dial: func(ctx context.Context) (net.Conn, error) {
		return (&tls.Dialer{NetDialer: &net.Dialer{Timeout: reachWithin}, Config: config}).DialContext(ctx, "tcp", u.Host)
	}}
	c.http = &http.Client{Transport: &http.Transport{Proxy: nil, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return c.dial(ctx) }}}
	return c, nil
}

// Close gives up connections that are not in use.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// IsType tells whether an error is a problem of that type.
func IsType(err error, t v1.ProblemType) bool {
	var p *v1.Problem
	return errors.As(err, &p) && p.Of(t)
}

// UnreachedError says that no node answers.
type UnreachedError struct {
	Where string // the socket, or the URL
	Err   error
}

func (e *UnreachedError) Error() string {
	return fmt.Sprintf("reach the node at %s: %v", e.Where, e.Err)
}
func (e *UnreachedError) Unwrap() error { return e.Err }

// request makes one. The body may be nil.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, kind string, body io.Reader) (*http.Request, error) {
	address := c.url + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	return r, nil
}

// send sends a request and returns the answer if it is a success, with a body to close.
func (c *Client) send(r *http.Request) (*http.Response, error) {
	answer, err := c.http.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // the URL is said with it
		}
		return nil, &UnreachedError{c.where, err}
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		return nil, c.refusal(answer)
	}
	for _, header := range answer.Header.Values("Warning") {
		if text, ok := warning(header); ok && c.Warn != nil {
			c.Warn(text)
		}
	}
	return answer, nil
}

// warning is the text of a Warning header of RFC 7234: a code, who warns, and the text between quotes.
func warning(header string) (text string, ok bool) {
	fields := strings.SplitN(header, " ", 3)
	if len(fields) < 3 {
		return "", false
	}
	text, err := strconv.Unquote(fields[2])
	return text, err == nil
}

// refusal is the problem that an answer has.
func (c *Client) refusal(answer *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	p := &v1.Problem{}
	if json.Unmarshal(text, p) != nil || p.Status == 0 {
		detail := strings.TrimRight(fmt.Sprintf("%s answered %d: %s", c.where, answer.StatusCode, text), ": \t\n")
		p = &v1.Problem{Status: answer.StatusCode, Title: http.StatusText(answer.StatusCode), Detail: detail}
	}
	return p
}

// call does a request with a JSON body and reads a JSON answer; either may be nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(text)
	}
	r, err := c.request(ctx, method, path, query, "application/json", body)
	if err != nil {
		return err
	}
	return c.read(r, out)
}

// read sends a request and reads a JSON answer.
func (c *Client) read(r *http.Request, out any) error {
	answer, err := c.send(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return &UnreachedError{c.where, err}
	}
	if out == nil || len(text) == 0 {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", r.Method, r.URL.Path, err)
	}
	return nil
}

// get reads one thing.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (out T, err error) {
	err = c.call(ctx, http.MethodGet, path, query, nil, &out)
	return out, err
}

// list reads several.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	l, err := get[v1.List[T]](ctx, c, path, query)
	return l.Items, err
}

// named is the query of those words that have a value, in pairs.
func named(words ...string) url.Values {
	query := url.Values{}
	for i := 0; i < len(words); i += 2 {
		if words[i+1] != "" {
			query.Set(words[i], words[i+1])
		}
	}
	return query
}

func escape(name string) string { return url.PathEscape(name) }
