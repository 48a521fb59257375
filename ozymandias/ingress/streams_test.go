package ingress_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/test/address"
)

// raw opens a connection to the ingress, to speak HTTP by hand.
func (n *node) raw(t *testing.T, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", n.http)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	io.WriteString(c, strings.ReplaceAll(request, "\n", "\r\n"))
	return c, bufio.NewReader(c)
}

// A client that asks first sends its body only once the instance wants it, and keeps it if not.
func TestBodyIsSentWhenItIsWanted(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", address.Free(t), instance(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/unwanted" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "got %q", body)
	})))
	for range 5 { // in whichever order the instances are tried
		c, r := n.raw(t, "POST /wanted HTTP/1.1\nHost: a.example\nContent-Length: 4\nExpect: 100-continue\n\n")
		line, _ := r.ReadString('\n')
		if blank, _ := r.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" || blank != "\r\n" {
			t.Fatalf("before the body: %q", line)
		}
		io.WriteString(c, "body")
		answer, err := http.ReadResponse(r, nil)
		for err == nil && answer.StatusCode == http.StatusContinue { // it may be said more than once
			answer, err = http.ReadResponse(r, nil)
		}
		if err != nil || answer.StatusCode != 200 {
			t.Fatalf("after the body: %v, %v", answer, err)
		}
		if got, _ := io.ReadAll(answer.Body); string(got) != `got "body"` {
			t.Errorf("the instance %s", got)
		}
		_, r = n.raw(t, "POST /unwanted HTTP/1.1\nHost: a.example\nContent-Length: 4\nExpect: 100-continue\n\n")
		if answer, err = http.ReadResponse(r, nil); err != nil || answer.StatusCode != 413 {
			t.Errorf("a body that is not wanted: %v, %v", answer, err)
		}
	}
}

// What is for the next hop only ends there, both ways; what an instance says after its body arrives, too.
func TestHopsAndTrailers(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header
		h := w.Header()
		h.Set("Connection", "X-Hop")
		h.Set("X-Hop", "1")
		h.Set("X-End", "1")
		h.Set("Trailer", "X-Sum")
		io.WriteString(w, "body")
		h.Set("X-Sum", "42")
		h.Set(http.TrailerPrefix+"X-Late", "1")
	})))
	answer, body := n.ask(t, "GET", "a.example/", "", "Connection: X-Secret", "X-Secret: 1", "Keep-Alive: timeout=1", "Proxy-Authorization: Basic eA==",
		"Te: trailers, deflate", "X-End: 1", "X-Forwarded-Host: b.example")
	header := <-got
	for name, want := range map[string]string{"Connection": "", "X-Secret": "", "Keep-Alive": "", "Proxy-Authorization": "", "Te": "trailers", "X-End": "1",
		"X-Forwarded-Host": "a.example"} {
		if header.Get(name) != want {
			t.Errorf("the instance gets %s: %q, want %q", name, header.Get(name), want)
		}
	}
	if body != "body" || answer.Header.Get("X-Hop") != "" || answer.Header.Get("X-End") != "1" || answer.Trailer.Get("X-Sum") != "42" || answer.Trailer.Get("X-Late") != "1" {
		t.Errorf("the client gets %v %q %v", answer.Header, body, answer.Trailer)
	}
}

// An instance is told when nobody waits for its answer any more, whether the request had a body or not, and before its answer as well as
// in the middle of it.
func TestClientThatGoesAway(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "text"} {
		for _, begun := range []bool{false, true} {
			came, over := make(chan struct{}), make(chan struct{})
			n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
				io.ReadAll(r.Body)
				if begun {
					http.NewResponseController(w).Flush()
				}
				close(came)
				<-r.Context().Done()
				close(over)
			})))
			ctx, leave := context.WithCancel(t.Context())
			left, answered := make(chan error), make(chan struct{})
			go func() {
				answer, err := http.DefaultTransport.RoundTrip(n.request(t, "POST", "a.example/", body).WithContext(ctx))
				if err == nil {
					close(answered)
					_, err = io.ReadAll(answer.Body)
				}
				left <- err
			}()
			<-came
			if begun {
				<-answered
			}
			leave()
			if err := <-left; !errors.Is(err, context.Canceled) {
				t.Errorf("the client got %v", err)
			}
			<-over
			code := "499"
			if begun {
				code = "200"
			}
			eventually(t, "it is counted as "+code, func() bool { return n.counts(t)["web/"+code] == 1 })
		}
	}
}

// An answer that breaks off does not look like a whole one, and does no harm to others.
func TestAnswerThatBreaksOff(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/whole" {
			io.WriteString(w, "whole")
			return
		}
		io.WriteString(w, "half of")
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})))
	for range 3 {
		answer, err := http.DefaultTransport.RoundTrip(n.request(t, "GET", "a.example/half", ""))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err == nil || !strings.HasPrefix("half of", string(got)) {
			t.Errorf("half an answer looks whole: %q, %v", got, err)
		}
		n.wants(t, 200, "whole", "GET", "a.example/whole", "")
	}
}

// A request or an answer is not held in memory, whatever its length: it flows as fast as the slower side takes it.
func TestBodiesFlow(t *testing.T) {
	t.Parallel()
	const size = 64 << 20
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		if k, err := io.Copy(io.Discard, r.Body); k != size || err != nil {
			t.Errorf("the instance got %d bytes, %v", k, err)
		}
		io.CopyN(w, endless{}, size)
	})))
	r := n.request(t, "PUT", "a.example/", "")
	r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, size)), size
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if k, err := io.Copy(io.Discard, answer.Body); k != size || err != nil {
		t.Errorf("the client got %d bytes, %v", k, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
