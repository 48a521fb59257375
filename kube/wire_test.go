package kube_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
)

// wire is the way to the API server, in the test's hand.
type wire struct {
	next http.RoundTripper

	mu   sync.Mutex
	rule func(*http.Request, func() (*http.Response, error)) (*http.Response, error)
	log  []string // method and resource of writes
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	rule := w.rule
	if r.Method != http.MethodGet {
		w.log = append(w.log, call(r))
	}
	w.mu.Unlock()
	send := func() (*http.Response, error) { return w.next.RoundTrip(r) }
	if rule == nil {
		return send()
	}
	return rule(r, send)
}

func (w *wire) set(rule func(*http.Request, func() (*http.Response, error)) (*http.Response, error)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rule = rule
}

// wrote are the writes since the last time.
func (w *wire) wrote() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.log
	w.log = nil
	return out
}

var errCut = errors.New("the wire is cut")

// call is a request in short, such as "PUT status".
func call(r *http.Request) string {
	switch {
	case strings.HasSuffix(r.URL.Path, "/status"):
		return r.Method + " status"
	case strings.Contains(r.URL.Path, "/blocks"):
		return r.Method + " blocks"
	}
	return r.Method + " worklists"
}

// loseAnswer sends the first call of a kind, and loses the answer.
func (w *wire) loseAnswer(kind string, meanwhile func()) {
	var once sync.Once
	w.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		if call(r) == kind && err == nil {
			once.Do(func() {
				resp.Body.Close()
				resp, err = nil, errCut
				meanwhile()
			})
		}
		return resp, err
	})
}
