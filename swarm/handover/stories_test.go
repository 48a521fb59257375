package handover

import (
	"testing"

	"pgregory.net/rapid"

	"teamtask.dev/swarm"
)

// story is a world that a test leads step by step.
type story struct {
	*world
	t *rapid.T
}

// tell is rapid.Check of what is told in one way only: for the sake of the world, which reports to a rapid.T.
func tell(t *testing.T, f func(story)) {
	rapid.Check(t, func(t *rapid.T) {
		v := newWorld(Safe, false)
		for _, name := range v.names {
			v.join(name)
		}
		v.known = v.members
		f(story{v, t})
	})
}

// wants sets the table: who is to have p, if anybody.
func (s story) wants(worker string) {
	s.table = nil
	if worker != "" {
		s.table = swarm.Table{{Worker: worker, Workloads: []string{"p"}}}
	}
}

// untilHead lets an engine decide and write the head, and no part.
func (s story) untilHead(e *engine) {
	for range len(s.names) + 2 {
		s.advance(e)
	}
}

// finish lets an engine go on to the end of its round.
func (s story) finish(e *engine) {
	for e.at > 0 {
		s.advance(e)
	}
}

// settle lets an engine and the workers go on until nothing changes.
func (s story) settle(e *engine) {
	for idle := false; !idle; {
		idle = s.advance(e)
		for _, name := range s.names {
			s.read(s.t, s.workers[s.members[name]])
			s.check(s.t)
		}
	}
}

// An engine stops for a while after it has announced that b gets p. Meanwhile another gives p to c. What the first one
// writes then must not reach b.
func TestOvertakenEngineGrantsNothing(t *testing.T) {
	tell(t, func(s story) {
		slow, fast := &s.engines[0], &s.engines[1]
		s.wants("")
		s.settle(fast)
		s.wants("b")
		s.untilHead(slow)
		s.wants("c")
		s.settle(fast)
		s.finish(slow)
		s.settle(fast)
		if p := s.workers[s.members["c"]]; !p.running["p"] {
			s.t.Fatalf("c does not run p: %+v", s.parts)
		}
	})
}

// The same where b has no part yet, so that the late write creates it.
func TestOvertakenEngineCreatesNoGrant(t *testing.T) {
	tell(t, func(s story) {
		slow, fast := &s.engines[0], &s.engines[1]
		s.known = map[string]string{"c": s.members["c"]}
		s.wants("")
		s.settle(fast)
		s.wants("b")
		s.known = s.members
		s.untilHead(slow)
		s.wants("c")
		s.known = map[string]string{"c": s.members["c"]} // this one does not know of b yet
		s.settle(fast)
		s.finish(slow)
		s.settle(fast)
		if p := s.workers[s.members["c"]]; !p.running["p"] {
			s.t.Fatalf("c does not run p: %+v", s.parts)
		}
	})
}

// The same where b's part is that of a worker which is gone, and has a successor: a gets p only when the successor cannot get it
// any more.
func TestOvertakenEngineGrantsNothingToASuccessor(t *testing.T) {
	tell(t, func(s story) {
		slow, fast := &s.engines[0], &s.engines[1]
		s.wants("")
		s.settle(fast)
		s.kill("b")
		s.join("b")
		s.known = s.members
		s.wants("b")
		s.untilHead(slow)
		s.wants("a")
		s.untilHead(fast)
		s.advance(fast) // as far as a's part
		s.finish(slow)
		s.settle(fast)
		b := s.workers[s.members["b"]]
		s.stop(b)
		s.deliver(message{b.name, b.incarnation, b.version})
		s.settle(fast)
		if p := s.workers[s.members["a"]]; !p.running["p"] {
			s.t.Fatalf("a does not run p: %+v", s.parts)
		}
	})
}

// A worker that is being replaced, and is not gone, keeps what it has and is granted nothing more; so is its successor.
func TestReplacedWorkerIsGrantedNothing(t *testing.T) {
	r := Record{Revision: 3, Parts: []Part{{Worker: "a", Incarnation: "a/1", Version: 3, Grants: []Grant{{"p", 2}}}}}
	pool := Pool{map[string]string{"a": "a/2"}, nobodyGone}
	step := Next(r, swarm.Table{{Worker: "a", Workloads: []string{"p", "q"}}}, pool, Safe)
	if step.Changed || len(step.Blocked) != 1 || step.Blocked[0] != (Block{"q", "a", ""}) {
		t.Errorf("%+v", step)
	}
	pool.Gone = func(_, incarnation string) bool { return incarnation == "a/1" }
	step = Next(r, swarm.Table{{Worker: "a", Workloads: []string{"p", "q"}}}, pool, Safe)
	if p := step.Record.Part("a"); p.Incarnation != "a/2" || len(p.Grants) != 2 || p.Grants[0].Epoch != 4 || p.Acknowledged != 0 {
		t.Errorf("once it is gone: %+v", p)
	}
}
