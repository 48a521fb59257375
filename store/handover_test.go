package store

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func handoverOf(t *testing.T, s *Store, x *Object) *Handover {
	t.Helper()
	tenure, owner, err := s.Swarms.Acquire(t.Context(), x)
	if err != nil || tenure == nil {
		t.Fatal(owner, err)
	}
	return NewHandover(tenure)
}

func createSwarm(t *testing.T, s *Store, name string) *Object {
	t.Helper()
	x := &Object{Name: name, UID: "uid-of-" + name, Manifest: fmt.Appendf(nil, `{"metadata":{"name":%q,"uid":"uid-of-%s"}}`, name, name)}
	if err := s.Swarms.Create(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	return x
}

// A swarm's record is read back as it was written, however many parts it has and however large they are.
func TestPiecesOfASwarm(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	x := createSwarm(t, s, "streams")
	h := handoverOf(t, s, x)
	if head, parts, err := h.Load(t.Context()); err != nil || head != nil || len(parts) > 0 {
		t.Fatalf("never written: %s, %d parts, %v", head, len(parts), err)
	}
	large := []byte(`{"names":"` + strings.Repeat("stream ", 300_000) + `"}`)
	pieces := []Piece{{Value: []byte(`{"version":1}`)}}
	for i := range 3*txnPieces + 1 {
		pieces = append(pieces, Piece{fmt.Sprintf("worker-%04d", i), fmt.Appendf(nil, `{"part":%d}`, i)})
	}
	for i := 10; i < 15; i++ {
		pieces[i].Value = large
	}
	if err := h.Write(t.Context(), pieces); err != nil {
		t.Fatal(err)
	}
	if err := h.Write(t.Context(), []Piece{{Worker: "worker-0000"}, {Value: []byte(`{"version":2}`)}}); err != nil {
		t.Fatal(err)
	}
	want := pieces[2:]
	head, got, err := handoverOf(t, s, x).Load(t.Context())
	if err != nil || string(head) != `{"version":2}` || len(got) != len(want) {
		t.Fatalf("%s, %d parts of %d, %v", head, len(got), len(want), err)
	}
	for i := range want {
		if got[i].Worker != want[i].Worker || !bytes.Equal(got[i].Value, want[i].Value) {
			t.Errorf("part %d is that of %s, %.40s", i, got[i].Worker, got[i].Value)
		}
	}
	if err := s.Swarms.Delete(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	left, err := s.client.Get(t.Context(), s.key("handovers/"), withPrefixCount()...)
	if err != nil || left.Count != 0 {
		t.Errorf("%d keys are left of a deleted swarm, %v", left.Count, err)
	}
}

// Whoever is not the owner any more cannot write, nor can an owner whose idea of the head is out of date.
func TestALostHandoverCannotBeWritten(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	x := createSwarm(t, s, "streams")
	old := handoverOf(t, s, x)
	again := handoverOf(t, s, x) // the same server, anew
	head := []Piece{{Value: []byte(`{}`)}}
	if err := old.Write(t.Context(), head); !errors.Is(err, ErrLost) {
		t.Errorf("the older tenure: %v", err)
	}
	stale := NewHandover(again.Tenure)
	if err := again.Write(t.Context(), head); err != nil {
		t.Error(err)
	}
	if err := stale.Write(t.Context(), []Piece{{"worker", []byte(`{}`)}}); !errors.Is(err, ErrLost) {
		t.Errorf("with the head of before: %v", err)
	}
}

// A list and a swarm of one name have nothing to do with each other.
func TestAListAndASwarmOfOneName(t *testing.T) {
	s := open(t, t.TempDir())
	defer s.Close()
	x := createSwarm(t, s, "a")
	handoverOf(t, s, x)
	acquire(t, s, create(t, s, "a"))
	if err := s.Swarms.Delete(t.Context(), x); err != nil {
		t.Fatal(err)
	}
	if o, err := s.Lists.Owner(t.Context(), "a"); err != nil || o != s.Me() {
		t.Errorf("the list is owned by %v, %v", o, err)
	}
}
