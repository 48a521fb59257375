package cluster

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/state"
)

// briefly is for tests in which nothing has a lease when a majority is lost.
var briefly = patience{learner: time.Hour, surplus: time.Hour, silence: time.Second}

// lose ends machines for good, as far as the others can tell.
func lose(machines ...*machine) {
	for _, m := range machines {
		m.stop()
	}
}

// alone starts a node that is to go on alone.
func (m *machine) alone(t *testing.T) *machine {
	t.Helper()
	m.stop()
	o := m.o
	o.ForceNewCluster = true
	return start(t, o)
}

// Two of three machines with a member of etcd are lost. The third is told to go on alone: it has all that was written and the same keys; a node
// without a member finds it, and has to read all anew; members become three again as machines join. Told so again it does nothing. A lost
// machine that comes back after all is a node of the cluster, without what it had in its etcd.
func TestMajorityLost(t *testing.T) {
	t.Parallel()
	machines := grow(t, briefly, "n1", "n2", "n3", "n4")
	settled(t, 3, machines...)
	var gone []*machine
	var left *machine // has no member
	voters, _ := machines[0].members(t)
	for _, m := range machines[1:] {
		if slices.Contains(voters, m.node.member()) {
			gone = append(gone, m)
		} else {
			left = m
		}
	}
	first := machines[0]
	live(t, left)
	written := first.put(t, "/ozymandias/test", "kept")
	token, err := first.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lose(gone...)

	first = first.alone(t)
	if now, _ := first.members(t); !slices.Equal(now, []string{first.node.member()}) {
		t.Fatalf("the members of etcd are %v", now)
	}
	if now, err := first.Token(t.Context()); err != nil || now != token {
		t.Errorf("the token is %s, %v", now, err)
	}
	eventually(t, "the node without a member knows of the only one", func() bool {
		return slices.Equal(left.Etcd().Endpoints, []string{first.node.clientURL()})
	})
	answer, err := left.Client().Get(t.Context(), "/ozymandias/test")
	if err != nil || len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != "kept" {
		t.Fatalf("what was written is %v, %v", answer, err)
	}
	if answer.Header.Revision < written.Header.Revision+state.Leap {
		t.Errorf("etcd counts on at %d, from %d", answer.Header.Revision, written.Header.Revision)
	}
	watch := <-left.Client().Watch(t.Context(), "/ozymandias/", clientv3.WithPrefix(), clientv3.WithRev(written.Header.Revision+1000))
	if !errors.Is(watch.Err(), rpctypes.ErrCompacted) {
		t.Errorf("who watches from what may be lost hears %v", watch.Err())
	}
	store := state.New(left.Client())
	if life, _, err := store.Life(t.Context(), left.o.Name); err != nil || life.Incarnation != "" {
		t.Errorf("a node goes on with the lease it had: %v, %v", life, err)
	}
	mirror, err := store.NewMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version, _ := mirror.Version(); version <= state.Leap {
		t.Errorf("the next decision is the one after %d", version)
	}

	o := first.joining("n5")
	o.patience = briefly
	fifth := start(t, o)
	settled(t, 3, first, left, fifth)
	for _, m := range []*machine{first, left, fifth} { // each answers for itself
		answer, err := m.Client().Get(t.Context(), "/ozymandias/test", clientv3.WithSerializable())
		if err != nil || answer.Header.Revision < state.Leap {
			t.Errorf("%s reads %v, %v", m.o.Name, answer, err)
		}
	}

	first = first.alone(t)
	settled(t, 3, first, left, fifth)

	back := start(t, gone[0].o)
	settled(t, 3, first, left, fifth, back)
	eventually(t, "the machine that was lost has given up its member of etcd", func() bool { return !hasMember(back.dir.etcd()) })
}

// A member that waits for a majority ends when it is told to: whoever wants it to go on alone has to stop it first.
func TestEndsWithoutMajority(t *testing.T) {
	t.Parallel()
	machines := grow(t, briefly, "n1", "n2", "n3")
	settled(t, 3, machines...)
	lose(machines...)
	ctx, cancel := context.WithCancel(t.Context())
	o := machines[0].o
	o.Log = slog.New(slog.NewTextHandler(writer(func(b []byte) {
		if bytes.Contains(b, []byte("waiting")) {
			cancel()
		}
	}), nil))
	if _, err := Open(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
}

// The lease of a node may be renewed until the majority is lost. Nobody goes on before it has ended.
func TestLeasesAreOutwaited(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2", "n3")
	settled(t, 3, machines...)
	held, err := lease.Grant(t.Context(), machines[0].Client(), lease.DefaultTTL)
	if err != nil {
		t.Fatal(err)
	}
	lose(machines...)
	machines[0].alone(t)
	if stage := held.Stage(); stage != lease.Gone {
		t.Errorf("the cluster goes on, and a lease is at stage %v", stage)
	}
}

// A node goes on alone only if nothing else helps.
func TestNotAlone(t *testing.T) {
	t.Parallel()
	machines := grow(t, briefly, "n1", "n2", "n3", "n4")
	settled(t, 3, machines...)
	refused := func(t *testing.T, o Options, says string) {
		t.Helper()
		o.ForceNewCluster = true
		if _, err := tryStart(t, o); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("it goes on alone: %v\nwant: %s", err, says)
		}
		if left, err := os.ReadDir(o.Data); err == nil && slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "etcd.") }) {
			t.Errorf("there is %v", left)
		}
	}
	voters, _ := machines[0].members(t)
	slices.SortFunc(machines, func(a, b *machine) int { // those with a member first
		return slices.Index(voters, b.node.member()) - slices.Index(voters, a.node.member())
	})
	last := machines[3]
	last.stop()
	refused(t, last.o, "node "+last.o.Name+" has no member of etcd: say it on one that has, of those at")
	machines[0].stop()
	eventually(t, "the other two have a leader", func() bool {
		answers := machines[1].statuses(t.Context(), []string{machines[1].node.clientURL(), machines[2].node.clientURL()})
		return answers[0] != nil && answers[1] != nil && answers[0].Leader != uint64(machines[0].etcd.Server.MemberID())
	})
	refused(t, machines[0].o, " says: leave it out")
	refused(t, options(t, "n9"), "holds no node of a cluster")
	o := options(t, "n9")
	start(t, o).stop()
	refused(t, o, "etcd has no other member")

	// It was stopped in an orderly way, and so was the next: what is left is a majority, if only it was told so.
	machines[1].stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	eventually(t, "there is no leader", func() bool {
		answers := statuses(ctx, machines[2].client, []string{machines[2].node.clientURL()})
		return answers[0] != nil && answers[0].Leader == 0
	})
	refused(t, machines[0].o, "2 of etcd's 3 members are left")
	machines[0] = start(t, machines[0].o)
	settled(t, 3, machines[0], machines[2])
}

// What the other members say, when they say anything.
func TestMayNotGoOn(t *testing.T) {
	for name, c := range map[string]struct {
		voters, votes int
		others        []other
		why           string // "": it may
	}{
		"nobody is left":                   {3, 1, nil, ""},
		"one of two":                       {2, 1, nil, ""},
		"a majority without it":            {3, 1, []other{{node: "n2", votes: true, leader: true}, {node: "n3", votes: true, leader: true}}, "etcd works, as n2 says"},
		"a majority that it never knew of": {3, 1, []other{{node: "n4", leader: true}}, "etcd works, as n4 says"},
		"a majority with it":               {3, 1, []other{{node: "n2", votes: true}}, "2 of etcd's 3 members are left"},
		"two of five":                      {5, 1, []other{{node: "n2", votes: true, revision: 7}}, ""},
		"two of five, the other is ahead":  {5, 1, []other{{node: "n2", votes: true, revision: 8}}, "n2 has later data (revision 8) than this node (7)"},
		"three of five":                    {5, 1, []other{{node: "n2", votes: true}, {node: "n3", votes: true}}, "3 of etcd's 5 members are left"},
		"a learner, and one of three":      {3, 0, []other{{node: "n2", votes: true}}, ""},
		"a learner that is ahead":          {3, 1, []other{{node: "n4", revision: 8}}, "n4 has later data"},
	} {
		t.Run(name, func(t *testing.T) {
			err := remains{c.voters, c.votes, 7}.mayNotGoOn(c.others)
			if c.why == "" && err != nil || c.why != "" && (!errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), c.why)) {
				t.Errorf("%v, want %q", err, c.why)
			}
		})
	}
}

// A machine that stood still while it asked asks once more: the others may be there, though all the time to wait is over.
func TestAskedStandingStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		questions := 0
		err := remains{3, 1, 7}.outwait(t.Context(), 10*time.Second, func() []other {
			if questions++; questions == 1 {
				time.Sleep(time.Minute)
				return nil
			}
			return []other{{node: "n2", votes: true, leader: true}}
		})
		if !errors.Is(err, ErrInvalid) || questions != 2 {
			t.Errorf("after %d questions it is told %v", questions, err)
		}
	})
}

// One that nobody answers has waited for as long as it was to, before it goes on.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := remains{3, 1, 7}.outwait(t.Context(), 10*time.Second, func() []other { return nil })
		if waited := time.Since(began); err != nil || waited < 10*time.Second {
			t.Errorf("after %s it is told %v", waited, err)
		}
	})
}

// A machine that is killed while it makes a member of its own is as before, or the only one.
func TestKilledOnTheWayAlone(t *testing.T) {
	t.Parallel()
	machines := grow(t, briefly, "n1", "n2", "n3")
	settled(t, 3, machines...)
	lose(machines...)
	o, d := machines[0].o, machines[0].dir
	before, err := d.self()
	if err != nil {
		t.Fatal(err)
	}
	o.ForceNewCluster = true
	p := spawn(t, o)
	p.whenThere(t, d.etcdNew()+"/member/snap/db")
	if now, err := d.self(); err != nil || now.Forced || !slices.Equal(now.Endpoints, before.Endpoints) {
		t.Fatalf("nothing was put in place, and it has %+v, %v", now, err)
	}
	machines[0].alone(t).stop()

	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	o.ForceNewCluster = false // what was made counts
	for name, kill := range map[string]func(){
		"made":                            func() { rename(d.etcd(), d.etcdMade()); rename(d.etcdBefore(), d.etcd()) },
		"made, and the old is out of way": func() { rename(d.etcd(), d.etcdMade()) },
	} {
		kill()
		if err := d.putSelf(before); err != nil {
			t.Fatal(err)
		}
		m := start(t, o)
		if now, _ := m.members(t); len(now) != 1 {
			t.Errorf("%s: the members are %v", name, now)
		}
		if !hasMember(d.etcdBefore()) {
			t.Errorf("%s: what was there before is gone", name)
		}
		m.stop()
	}
}
