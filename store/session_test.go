package store

import (
	"testing"
	"time"
)

// A server owns what it has acquired as long as its lease lasts for certain. That ends with the lease, or before.
func TestHolds(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	if !s.Holds() {
		t.Error("right after it was opened it does not")
	}
	silent := &Store{session: &session{}} // nothing was heard of its lease since
	silent.session.lasts(time.Now().Add(-2*time.Second), 2)
	if silent.Holds() {
		t.Error("it does although the lease may have run out")
	}
	s.session.lasts(time.Now().Add(-2*time.Second), 2)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	within := time.NewTimer(time.Minute)
	defer within.Stop()
	until := func(what string, so bool) {
		t.Helper()
		for s.Holds() != so {
			select {
			case <-look.C:
			case <-within.C:
				t.Fatal(what)
			}
		}
	}
	until("it never finds out that the lease lasts", true)
	if _, err := s.client.Revoke(t.Context(), s.session.lease); err != nil {
		t.Fatal(err)
	}
	until("it never finds out that the lease is gone", false)
}
