package gateway

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
)

// one is a listener for one connection, without a network.
type one chan net.Conn

func (l one) Accept() (net.Conn, error) {
	if c, ok := <-l; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l one) Close() error   { close(l); return nil }
func (l one) Addr() net.Addr { return &net.TCPAddr{} }

// A client that does not read is given up: neither what it asked for nor its events are kept for it for ever.
func TestSlowReaders(t *testing.T) {
	for what, answer := range map[string]func(http.ResponseWriter) error{
		"an object": func(w http.ResponseWriter) error { write(w, strings.Repeat("x", 1<<20)); return nil },
		"an event":  func(w http.ResponseWriter) error { return send(w, "status", "x") },
	} {
		synctest.Test(t, func(t *testing.T) {
			ended := make(chan struct{})
			l, s := make(one, 1), &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				defer close(ended)
				answer(w)
			})}
			go s.Serve(l)
			here, there := net.Pipe()
			l <- there
			if _, err := io.WriteString(here, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			<-ended // or all of the test waits, which is an error
			if err := s.Close(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
}
