package handover

import (
	"fmt"
	"strings"
	"testing"

	"teamtask.dev/swarm"
)

func nobodyGone(string, string) bool { return false }

// What cannot be true is refused in words; what is late or repeated is no news.
func TestAcknowledgements(t *testing.T) {
	for _, c := range []struct {
		name, worker, incarnation string
		version                   uint64
		news                      bool
		err                       string
	}{
		{"the latest", "a", "a/1", 7, true, ""},
		{"one between", "a", "a/1", 6, true, ""},
		{"again", "a", "a/1", 5, false, ""},
		{"late", "a", "a/1", 3, false, ""},
		{"ahead", "a", "a/1", 8, false, `worker "a" acknowledges version 8, but 7 is the latest it was given`},
		{"an earlier incarnation", "a", "a/0", 7, false, `worker "a" acknowledges version 7 as incarnation "a/0", but its part is for incarnation "a/1"`},
		{"not in the pool", "x", "x/1", 1, false, `worker "x" acknowledges version 1, but is not in the pool`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Record{Parts: []Part{{Worker: "a", Incarnation: "a/1", Version: 7, Acknowledged: 5}}}
			news, err := r.Acknowledge(c.worker, c.incarnation, c.version)
			if news != c.news || (err == nil) != (c.err == "") || err != nil && !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%v, %v; want %v, %s", news, err, c.news, c.err)
			}
		})
	}
}

// A worker that does not answer is granted nothing more once it has enough to acknowledge, so that its part stays bounded.
func TestPartOfASilentWorkerIsBounded(t *testing.T) {
	pool := Pool{map[string]string{"a": "a/1"}, nobodyGone}
	r := Record{}
	const each = 300
	for round := range 50 {
		part := swarm.Part{Worker: "a"}
		for i := range each {
			part.Workloads = append(part.Workloads, fmt.Sprintf("%03d-%03d", round, i)) // other ones each time
		}
		r = Next(r, swarm.Table{part}, pool, Safe).Record
		if p := r.Part("a"); len(p.Grants)+len(p.Revoked) > MaxRevoked+2*each {
			t.Fatalf("round %d: %d grants and %d revocations", round, len(p.Grants), len(p.Revoked))
		}
	}
	if news, err := r.Acknowledge("a", "a/1", r.Part("a").Version); !news || err != nil {
		t.Fatal(news, err)
	}
	step := Next(r, swarm.Table{{Worker: "a", Workloads: []string{"x"}}}, pool, Safe)
	if p := step.Record.Part("a"); len(p.Grants) != 1 || len(p.Revoked) > each {
		t.Fatalf("after it has answered: %+v", p)
	}
}

// A worker all of whose workloads are others now lets go of the old ones first: its part never has both.
func TestPartOfAWorkerThatChangesIsBounded(t *testing.T) {
	pool := Pool{map[string]string{"a": "a/1"}, nobodyGone}
	const each = 5 * MaxRevoked
	table := func(prefix string) swarm.Table {
		part := swarm.Part{Worker: "a"}
		for i := range each {
			part.Workloads = append(part.Workloads, fmt.Sprintf("%s%05d", prefix, i))
		}
		return swarm.Table{part}
	}
	r := Record{}
	for _, prefix := range []string{"old", "new"} {
		for range 4 {
			r = Next(r, table(prefix), pool, Safe).Record
			p := r.Part("a")
			if len(p.Grants)+len(p.Pending()) > each+MaxRevoked {
				t.Fatalf("%d grants and %d revocations", len(p.Grants), len(p.Pending()))
			}
			if _, err := r.Acknowledge("a", "a/1", p.Version); err != nil {
				t.Fatal(err)
			}
		}
		if p := r.Part("a"); len(p.Grants) != each || p.Grants[0].Workload != prefix+"00000" {
			t.Fatalf("after all was acknowledged there are %d grants", len(p.Grants))
		}
	}
}

// The head of the record is bounded, and a large pool is told its parts in several steps.
func TestHeadIsBounded(t *testing.T) {
	pool := Pool{map[string]string{}, nobodyGone}
	var table swarm.Table
	for i := range 2500 {
		name := fmt.Sprintf("w-%04d", i)
		pool.Members[name] = name + "/1"
		table = append(table, swarm.Part{Worker: name, Workloads: []string{fmt.Sprintf("x-%04d", i)}})
	}
	r, steps := Record{}, 0
	for {
		step := Next(r, table, pool, Safe)
		if !step.Changed {
			break
		}
		if steps++; len(step.Record.Writing) > MaxWriting || steps > 10 {
			t.Fatalf("step %d writes %d parts", steps, len(step.Record.Writing))
		}
		r = step.Record
	}
	for _, p := range table {
		if got := r.Part(p.Worker); len(got.Grants) != 1 {
			t.Fatalf("%s has %+v", p.Worker, got)
		}
	}
}
