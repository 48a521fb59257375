package cluster

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWanted(t *testing.T) {
	for nodes, want := range []int{1, 1, 1, 3, 3, 3, 3, 5, 5, 5} {
		if got := Wanted(nodes); got != want {
			t.Errorf("%d nodes: %d members, want %d", nodes, got, want)
		}
	}
	if got := Wanted(1000); got != 5 {
		t.Errorf("1000 nodes: %d members", got)
	}
}

// The seats of the table, by number.
func voter(id uint64) seat      { return seat{id: id, name: fmt.Sprint("n", id), ours: true, healthy: true} }
func learner(id uint64) seat    { s := voter(id); s.learner = true; return s }
func (s seat) down() seat       { s.healthy = false; return s }
func (s seat) forgotten() seat  { s.ours = false; return s }
func (s seat) tooLong() seat    { s.stale = true; return s }
func seats(all ...seat) []seat  { return all }
func (d deed) String() string   { return [...]string{"nothing", "remove", "promote", "enter"}[d] }
func (s seat) GoString() string { return s.name }

func TestNext(t *testing.T) {
	for _, at := range []struct {
		name   string
		nodes  int
		seats  []seat
		steady bool
		self   string
		want   deed
		id     uint64
	}{
		{name: "a node alone", nodes: 1, seats: seats(voter(1)), self: "n1"},
		{name: "a second node is no help", nodes: 2, seats: seats(voter(1)), self: "n2"},
		{name: "of three nodes, a second enters", nodes: 3, seats: seats(voter(1)), self: "n2", want: enter},
		{name: "a member does not enter again", nodes: 3, seats: seats(voter(1)), self: "n1"},
		{name: "a third enters while the second learns", nodes: 3, seats: seats(voter(1), learner(2).down()), self: "n3", want: enter},
		{name: "a learner does not enter again", nodes: 3, seats: seats(voter(1), learner(2).down()), self: "n2"},
		{name: "two voters would be worse than one", nodes: 3, seats: seats(voter(1), learner(2)), self: "n1"},
		{name: "two get their votes together", nodes: 3, seats: seats(voter(1), learner(2), learner(3)), self: "n1", want: promote, id: 2},
		{name: "and the second at once", nodes: 3, seats: seats(voter(1), voter(2), learner(3)), self: "n1", want: promote, id: 3},
		{name: "one that has not caught up has no vote", nodes: 3, seats: seats(voter(1), voter(2), learner(3).down()), self: "n1"},
		{name: "three are enough for six", nodes: 6, seats: seats(voter(1), voter(2), voter(3)), self: "n4"},
		{name: "seven want five", nodes: 7, seats: seats(voter(1), voter(2), voter(3)), self: "n4", want: enter},
		{name: "five want two more than three, not one", nodes: 7, seats: seats(voter(1), voter(2), voter(3), learner(4)), self: "n1"},
		{name: "two learners are enough at a time", nodes: 7, seats: seats(voter(1), learner(2), learner(3).down()), self: "n4"},

		{name: "one that is down keeps its place", nodes: 4, seats: seats(voter(1), voter(2), voter(3).down()), self: "n4", steady: true},
		{name: "one that was forgotten goes", nodes: 3, seats: seats(voter(1), voter(2), voter(3).down().forgotten()), self: "n4", want: remove, id: 3},
		{name: "also if it is well", nodes: 3, seats: seats(voter(1).forgotten(), voter(2), voter(3)), self: "n4", want: remove, id: 1},
		{name: "but not if the others have no majority", nodes: 3, seats: seats(voter(1).forgotten(), voter(2), voter(3).down()), self: "n4"},
		{name: "and not the last one", nodes: 1, seats: seats(voter(1).forgotten()), self: "n4"},
		{name: "its place is taken", nodes: 3, seats: seats(voter(1), voter(2)), self: "n4", want: enter},

		{name: "a learner that was forgotten goes", nodes: 3, seats: seats(voter(1), learner(2).forgotten()), self: "n3", want: remove, id: 2},
		{name: "and one that does not get there", nodes: 3, seats: seats(voter(1), learner(2).down().tooLong()), self: "n3", want: remove, id: 2},
		{name: "but not one that only waits for a second", nodes: 3, seats: seats(voter(1), learner(2).tooLong()), self: "n3", want: enter},

		{name: "a machine may be about to be replaced", nodes: 2, seats: seats(voter(1), voter(2)), self: "n1"},
		{name: "two nodes have one member in the end", nodes: 2, seats: seats(voter(1), voter(2)), self: "n1", steady: true, want: remove, id: 2},
		{name: "six nodes have three", nodes: 6, seats: seats(voter(1), voter(2), voter(3), voter(4), voter(5)), self: "n1", steady: true, want: remove, id: 2},
		{name: "nobody goes while another is down", nodes: 2, seats: seats(voter(1), voter(2).down()), self: "n1", steady: true},
		{name: "a learner too many goes", nodes: 2, seats: seats(voter(1), learner(2)), self: "n1", steady: true, want: remove, id: 2},
	} {
		t.Run(at.name, func(t *testing.T) {
			got, s := next(at.self, at.nodes, at.seats, at.steady)
			if got != at.want || s.id != at.id {
				t.Errorf("%v %d, want %v %d", got, s.id, at.want, at.id)
			}
		})
	}
}

// Nodes come, go down, come up and are forgotten in any order, and each does what the rule says when it comes to it. etcd never loses a majority that it
// has, but by nodes that go down; and once all are well and nothing changes it has as many members as it should, each with a vote.
func TestMembersConverge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := world{up: map[uint64]bool{1: true}, known: map[uint64]bool{1: true}, members: map[uint64]bool{1: true}, last: 1}
		t.Repeat(map[string]func(*rapid.T){
			"join":   func(t *rapid.T) { w.last++; w.up[w.last], w.known[w.last] = true, true },
			"down":   func(t *rapid.T) { delete(w.up, rapid.SampledFrom(w.all()).Draw(t, "node")) },
			"up":     func(t *rapid.T) { id := rapid.SampledFrom(w.all()).Draw(t, "node"); w.up[id] = w.known[id] },
			"forget": func(t *rapid.T) { w.forget(t, rapid.SampledFrom(w.all()).Draw(t, "node")) },
			"look": func(t *rapid.T) {
				w.look(t, rapid.SampledFrom(w.all()).Draw(t, "node"), rapid.Bool().Draw(t, "steady"))
			},
			"": func(t *rapid.T) {},
		})
		for id := range w.known {
			w.up[id] = true
		}
		for range 40 {
			for _, id := range w.all() {
				w.look(t, id, true)
			}
		}
		if !w.majority() {
			t.Fatalf("all nodes are up, and there is no majority of %v", w.members)
		}
		voters := 0
		for id, vote := range w.members {
			if !vote || !w.known[id] {
				t.Errorf("member %d has a vote: %t, is known: %t", id, vote, w.known[id])
			}
			voters++
		}
		if voters != Wanted(len(w.known)) {
			t.Errorf("%d members for %d nodes", voters, len(w.known))
		}
	})
}

type world struct {
	up, known map[uint64]bool
	members   map[uint64]bool // with a vote or without
	last      uint64
}

func (w *world) all() []uint64 {
	all := []uint64{}
	for id := uint64(1); id <= w.last; id++ {
		if w.known[id] {
			all = append(all, id)
		}
	}
	return all
}

func (w *world) majority() bool {
	voters, well := 0, 0
	for id, vote := range w.members {
		if vote {
			voters++
			if w.up[id] {
				well++
			}
		}
	}
	return well > voters/2
}

// forget is taken by etcd, so it takes a majority; and only of a node that is down.
func (w *world) forget(t *rapid.T, id uint64) {
	if w.majority() && !w.up[id] {
		delete(w.known, id)
	}
}

// look has a node do what is next.
func (w *world) look(t *rapid.T, id uint64, steady bool) {
	if !w.up[id] || !w.majority() {
		return
	}
	var seats []seat
	for m, vote := range w.members {
		seats = append(seats, seat{id: m, name: fmt.Sprint("n", m), ours: w.known[m], learner: !vote, healthy: w.up[m]})
	}
	d, s := next(fmt.Sprint("n", id), len(w.known), seats, steady)
	reversed := slices.Clone(seats)
	slices.Reverse(reversed)
	if d2, s2 := next(fmt.Sprint("n", id), len(w.known), reversed, steady); d2 != d || s2 != s {
		t.Fatalf("the order of members matters: %v %d or %v %d", d, s.id, d2, s2.id)
	}
	switch d {
	case enter:
		w.members[id] = false
	case promote:
		if w.members[s.id] || !w.up[s.id] {
			t.Fatalf("member %d is promoted", s.id)
		}
		w.members[s.id] = true
	case remove:
		delete(w.members, s.id)
	}
	if !w.majority() {
		t.Fatalf("%v %d costs etcd its majority", d, s.id)
	}
}
