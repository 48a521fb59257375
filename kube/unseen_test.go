package kube_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
)

// brief has leases of the list last three seconds.
func (s *stage) brief() {
	s.Helper()
	var wl v1alpha1.Worklist
	s.must(s.Get(s.Context(), ctrl.ObjectKey{Namespace: s.namespace, Name: "primes"}, &wl))
	wl.Spec.Block.Timeout = &metav1.Duration{Duration: 3 * time.Second}
	s.must(s.Update(s.Context(), &wl))
}

// silent is the body of a watch that sees nothing.
type silent struct{ context.Context }

func (s silent) Read([]byte) (int, error) { <-s.Done(); return 0, s.Err() }
func (s silent) Close() error             { return nil }

// A watch that sees nothing, and does not break off, is not the only way to learn that a Block was given a range: its first, and
// after that was turned in, its next. It is learnt before the lease has run out.
func TestSilentWatch(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	s.brief()
	s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.URL.Query().Get("watch") != "" {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: silent{r.Context()}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}, nil
		}
		return send()
	})
	lease := s.lease(0, 10)
	s.report(done(lease.Token, 0, 10))
	s.give(s.block(finished(v1alpha1.BlockDone)), 100, 50)
	if resp := s.claim(long); len(resp.Leases) != 1 || resp.Leases[0].Index != 100 {
		t.Errorf("%+v", resp)
	}
}

// A Block whose creation was answered by nobody may be gone by the time that it is asked for again: it was turned away. The next one
// is created after a while, and the list is none the worse for it.
func TestCreateLostAndTurnedAway(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	s.wire.loseAnswer("POST blocks", func() {})
	if _, err := s.up.Claim(t.Context(), "primes", &v1alpha1.ClaimRequest{Worker: "w"}); err == nil {
		t.Fatal("the answer was not lost")
	}
	s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		if call(r) == "POST blocks" && err == nil && resp.StatusCode == http.StatusConflict {
			s.remove()
		}
		return resp, err
	})
	if resp := s.claim(time.Millisecond); resp.None != v1alpha1.NoneBlockLimit {
		t.Errorf("%+v", resp)
	}
	s.lease(0, 10)
}

// Of a former process nothing is known but what it wrote: not how long the items took, if that was too short to be written.
func TestRecoverKnowsNoTime(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	pod := s.as("worker", "w")
	b := s.held(pod, "primes", 0)
	if _, err := kube.Recover(t.Context(), pod, s.namespace, "primes"); err != nil {
		t.Fatal(err)
	}
	s.must(s.Get(t.Context(), ctrl.ObjectKeyFromObject(b), b))
	if e := b.Status.Elapsed; e != nil && e.Duration > time.Hour {
		t.Errorf("three items are said to have taken %s", e.Duration)
	}
}
