package cli

import (
	"io"
	"net/http"
	"sync"
)

// inProcess calls a handler of this process as if it were a server, without a port. Answers are streamed.
type inProcess struct{ http.Handler }

// RoundTrip returns when the handler has begun to answer.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI = r.URL.RequestURI()
	if in.Body == nil {
		in.Body = http.NoBody
	}
	body, out := io.Pipe()
	a := &answer{header: http.Header{}, begun: make(chan struct{}), body: out}
	go func() {
		p.ServeHTTP(a, in)
		a.WriteHeader(http.StatusOK)
		in.Body.Close()
		out.Close()
	}()
	select {
	case <-a.begun:
	case <-r.Context().Done():
		body.CloseWithError(r.Context().Err()) // the handler sees that the context has ended, too, and has nobody to write to
		return nil, r.Context().Err()
	}
	return &http.Response{Status: http.StatusText(a.status), StatusCode: a.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: a.sent,
		Body: body, ContentLength: -1, Request: r}, nil
}

// answer is what a handler answers.
type answer struct {
	header, sent http.Header
	status       int
	once         sync.Once
	begun        chan struct{} // closed when status and sent are set
	body         io.Writer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols { // it only announces the answer
		return
	}
	a.once.Do(func() {
		a.status, a.sent = status, a.header.Clone()
		close(a.begun)
	})
}

func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// Flush has nothing to do but to begin: what is written has been read.
func (a *answer) Flush() { a.WriteHeader(http.StatusOK) }
