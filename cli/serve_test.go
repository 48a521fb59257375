package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener without a network, so that a test can have a clock of its own.
type pipes struct {
	dialled chan net.Conn
	closed  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.dialled:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	close(p.closed)
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.dialled <- there
	return here
}

// patient is a service each of whose answers takes five minutes, but that tells those whom it does not know at once to go.
type patient struct{ closed chan struct{} }

func (p patient) Close(context.Context) error {
	close(p.closed)
	return nil
}

func (p patient) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(5 * time.Minute):
			fmt.Fprint(w, "at last")
		case <-r.Context().Done():
			fmt.Fprint(w, "cut off")
		}
	})
}

// serving runs a test against serveHTTP.
func serving(t *testing.T, f func(t *testing.T, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{make(chan net.Conn), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- serveHTTP(ctx, patient{make(chan struct{})}, nil, p, slog.New(slog.DiscardHandler)) }()
		f(t, p)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A client that does not send what it announces, or nothing at all, keeps no connection for ever, whether it is known or not.
func TestSlowClients(t *testing.T) {
	for what, sent := range map[string]string{
		"nothing":                   "",
		"half a header":             "POST / HTTP/1.1\r\nHost: x\r\n",
		"no body":                   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n",
		"half a body":               "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{",
		"half a body, with a token": "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 1000\r\n\r\n{",
		"one call and no other":     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"too much of a header":      "GET / HTTP/1.1\r\nHost: x\r\nAuthorization: " + strings.Repeat("x", 2*mostHeader) + "\r\n\r\n",
	} {
		t.Run(what, func(t *testing.T) {
			serving(t, func(t *testing.T, p *pipes) {
				c := p.dial()
				defer c.Close()
				go io.WriteString(c, sent)
				if _, err := io.ReadAll(c); err != nil { // until the server closes it: otherwise all of the test waits, which is an error
					t.Error(err)
				}
			})
		})
	}
}

// A call that has come in waits for as long as it takes, and so does the next on its connection.
func TestPatientClients(t *testing.T) {
	serving(t, func(t *testing.T, p *pipes) {
		c := p.dial()
		defer c.Close()
		in := bufio.NewReader(c)
		for _, sent := range []string{
			"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n{}",
		} {
			if _, err := io.WriteString(c, sent); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			if string(answer) != "at last" || err != nil {
				t.Errorf("%.4s: %s, %v", sent, answer, err)
			}
		}
	})
}
