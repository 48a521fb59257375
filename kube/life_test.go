package kube_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
)

// A Block that waits is renewed before its lease runs out, also one that has been given a range; a range that nobody wants for as
// long as a lease lasts is given back.
func TestKeepAlive(t *testing.T) {
	t.Parallel()
	const timeout = 24 * time.Second // a third of it, in which it is to be renewed, is more than a busy API server needs
	s := open(t, 1000, kube.Options{})
	var wl v1alpha1.Worklist
	s.must(s.Get(t.Context(), ctrl.ObjectKey{Namespace: s.namespace, Name: "primes"}, &wl))
	wl.Spec.Block.Timeout = &metav1.Duration{Duration: timeout}
	s.must(s.Update(t.Context(), &wl))
	s.claim(time.Millisecond)
	last := s.block(pending).CreationTimestamp.Time
	renewed := func(b *v1alpha1.Block) bool { return b.Status.RenewTime != nil && b.Status.RenewTime.After(last) }
	for range 2 {
		b := s.block(renewed)
		if d := b.Status.RenewTime.Sub(last); d > timeout {
			t.Fatalf("renewed after %v", d)
		}
		last = b.Status.RenewTime.Time
	}
	s.give(s.block(pending), 0, 10)
	last = s.block(renewed).Status.RenewTime.Time
	s.block(func(b *v1alpha1.Block) bool { return b.DeletionTimestamp != nil })
}

// A namespace whose quota is used up gives no Block, and one when there is room again. Nobody gives up over it.
func TestQuota(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	_, err := apiServer.Kubectl(t.Context(), "create", "quota", "few", "-n", s.namespace, "--hard=count/blocks.teamtask.dev=0")
	s.must(err)
	for err == nil { // until the API server knows the quota; its usage is counted later
		s.must(t.Context().Err())
		err = s.Create(t.Context(), &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "probe"},
			Spec: v1alpha1.BlockSpec{Worklist: "primes"}}, ctrl.DryRunAll)
	}
	if resp := s.claim(time.Millisecond); resp.None != v1alpha1.NoneBlockLimit || len(s.blocks()) != 0 {
		t.Errorf("%+v", resp)
	}
	_, err = apiServer.Kubectl(t.Context(), "patch", "quota", "few", "-n", s.namespace, "--type=merge", "-p", `{"spec":{"hard":{"count/blocks.teamtask.dev":"1"}}}`)
	s.must(err)
	s.lease(0, 10)
	if resp := s.claim(time.Millisecond); resp.None != v1alpha1.NoneBlockLimit {
		t.Errorf("%+v", resp)
	}
	if len(s.fatal) > 0 {
		t.Errorf("given up: %v", <-s.fatal)
	}
}

// An API server that has too much to do says when to come back, and is left alone until then.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	lease := s.lease(0, 10)
	var tries atomic.Int32
	var refused time.Time
	s.wire.set(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		switch {
		case call(r) != "PUT status":
		case tries.Add(1) == 1:
			refused = time.Now()
			return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"2"}}, Body: http.NoBody, Request: r}, nil
		case time.Since(refused) < 2*time.Second:
			t.Errorf("tried again after %v", time.Since(refused))
		}
		return send()
	})
	if rc := s.report(v1alpha1.Report{Token: lease.Token}); rc.Status != v1alpha1.ReportAccepted || tries.Load() != 2 {
		t.Errorf("%+v", rc)
	}
}
