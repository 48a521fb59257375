package chaos

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Fault is what happens to a request on its way. send lets it through.
type Fault func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)

// Wrap puts the fault on a client's way, as rest.Config's Wrap takes it. A nil one changes nothing.
func (f Fault) Wrap(next http.RoundTripper) http.RoundTripper {
	if f == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return f(r, func() (*http.Response, error) { return next.RoundTrip(r) })
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// And is both faults, the first one nearer to who asks.
func (f Fault) And(g Fault) Fault {
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		return f(r, func() (*http.Response, error) { return g(r, send) })
	}
}

// Requests are some of all requests.
type Requests func(*http.Request) bool

// Watches tells whether a request is a watch.
func Watches(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

// Answer is one that the API server never gave; header is names and values in turn.
func Answer(r *http.Request, code int, reason string, header ...string) *http.Response {
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"a fault of the test"}`, reason, code)
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// wait lets time pass, unless whoever asks gives up before.
func wait(r *http.Request, d time.Duration) error {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}
