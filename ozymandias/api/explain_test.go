package api

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Two search at once. Others have their turn when one has ended, or are told that there is too much to do.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &API{searches: make(chan struct{}, searchesAtOnce)}
		one, err := a.search(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := a.search(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.search(t.Context()); err == nil {
			t.Error("a third searches")
		}
		gone, leave := context.WithCancel(t.Context())
		leave()
		if _, err := a.search(gone); err == nil {
			t.Error("one that has gone searches")
		}
		time.AfterFunc(turnWithin/2, one)
		if _, err := a.search(t.Context()); err != nil {
			t.Errorf("its turn has come: %v", err)
		}
	})
}

// That a node may be lost is not said where etcd may be lost with it.
func TestSafely(t *testing.T) {
	for voters, want := range map[int]string{
		0: "Any one of the 4 nodes may be lost: all that runs has a place on the others.", // it is not known
		1: "What runs on any one of the 4 nodes has a place on the others. But etcd has 1 member, and nothing runs without that.",
		2: "What runs on any one of the 4 nodes has a place on the others. But etcd has 2 members, and nothing runs without all 2.",
		3: "Any one of the 4 nodes may be lost: all that runs has a place on the others.",
	} {
		if got := safely(4, voters); got != want {
			t.Errorf("%d: %s", voters, got)
		}
	}
}
