package kube_test

import (
	"net/http"
	"testing"

	"teamtask.dev/kube"
)

// A Block is watched by its name, for as long as it is there. Whatever other fields a watch selects by, the API server takes every
// change of a Block in the namespace to it, and charges who made the change for it.
func TestWatchByName(t *testing.T) {
	s := open(t, 1000, kube.Options{})
	watches := make(chan *http.Request, 100)
	s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.URL.Query().Get("watch") != "" {
			watches <- r
		}
		return send()
	})
	for range 2 { // the second takes the place of the first
		s.lease(0, 10)
		r := <-watches
		if got, want := r.URL.Query().Get("fieldSelector"), "metadata.name="+s.blocks()[0].Name; call(r) != "GET blocks" || got != want {
			t.Errorf("%s is watched by %s, want %s", r.URL.Path, got, want)
		}
		s.remove()
		<-r.Context().Done()
	}
	if len(watches) > 0 {
		t.Errorf("another watch: %s", (<-watches).URL)
	}
}
