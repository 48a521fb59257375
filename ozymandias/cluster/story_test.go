package cluster

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/state"
)

// grow founds a cluster and has others join, two at a time.
func grow(t *testing.T, p patience, names ...string) []*machine {
	t.Helper()
	o := options(t, names[0])
	o.patience = p
	machines := []*machine{start(t, o)}
	for two := range slices.Chunk(names[1:], 2) {
		joined := make([]*machine, len(two))
		var joining sync.WaitGroup
		for i, name := range two {
			o := machines[0].joining(name)
			o.patience = p
			joining.Go(func() {
				var err error
				if joined[i], err = tryStart(t, o); err != nil {
					t.Error(err)
				}
			})
		}
		joining.Wait()
		if t.Failed() {
			t.FailNow()
		}
		machines = append(machines, joined...)
	}
	return machines
}

// settled waits until etcd has so many members, none of them without a vote, and each node's client uses them.
func settled(t *testing.T, voters int, machines ...*machine) {
	t.Helper()
	for _, m := range machines {
		eventually(t, m.o.Name+" uses all members of etcd", func() bool {
			select {
			case <-m.ended:
				t.Fatalf("node %s has ended: %v", m.o.Name, m.err)
			default:
			}
			v, l := m.members(t)
			return len(v) == voters && len(l) == 0 && len(m.Etcd().Endpoints) == voters
		})
	}
}

// Five nodes have three members of etcd. Each may be started anew while the others go on, member or not.
func TestFiveNodes(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2", "n3", "n4", "n5")
	settled(t, 3, machines...)
	nodes, err := machines[4].Nodes(t.Context())
	if err != nil || len(nodes) != 5 {
		t.Fatalf("the nodes are %v, %v", nodes, err)
	}
	if !slices.Equal(machines[3].Key(), machines[0].Key()) {
		t.Error("two nodes have different keys of the cluster")
	}
	members, _ := machines[0].members(t)
	for i, m := range machines {
		m.stop()
		other := machines[(i+1)%len(machines)]
		other.put(t, "/ozymandias/test", m.o.Name)
		machines[i] = start(t, m.o) // with the options of joining, as from the same command line
		if answer, err := machines[i].Client().Get(t.Context(), "/ozymandias/test"); err != nil || string(answer.Kvs[0].Value) != m.o.Name {
			t.Errorf("node %s reads %v, %v", m.o.Name, answer, err)
		}
	}
	settled(t, 3, machines...)
	if now, _ := machines[0].members(t); !slices.Equal(sorted(now), sorted(members)) {
		t.Errorf("the members were %v, and are %v after each node was off for a moment", members, now)
	}
}

func sorted(s []string) []string { return slices.Sorted(slices.Values(s)) }

// A cluster loses a machine that is a member of etcd. The others go on, their leases live; when the machine is deleted, another node takes its
// place; and the machine may come again only as a new one.
func TestMachineLost(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	o2, o3, o4 := first.joining("n2"), first.joining("n3"), first.joining("n4")
	n2, n3 := spawn(t, o2), spawn(t, o3)
	n2.up(t)
	n3.up(t)
	settled(t, 3, first)
	fourth := start(t, o4)
	settled(t, 3, fourth)

	held, err := lease.Grant(t.Context(), fourth.Client(), 16*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	renewed, kept := make(chan struct{}), make(chan error, 1)
	go func() {
		kept <- held.Keep(ctx, func() {
			select {
			case renewed <- struct{}{}:
			default:
			}
		}, func(stage lease.Stage) {
			if stage >= lease.Kill {
				t.Errorf("the lease came to %v", stage)
			}
		})
	}()
	renewal := func() {
		t.Helper()
		select {
		case <-renewed:
		case err := <-kept:
			t.Fatalf("the lease was kept until %v", err)
		}
	}
	renewal()
	n3.kill()
	for range 3 {
		renewal()
	}
	cancel()
	if err := <-kept; !errors.Is(err, context.Canceled) {
		t.Errorf("the lease was kept until %v", err)
	}
	settled(t, 3, first, fourth) // one that is down keeps its place

	// Its data is lost.
	if err := os.RemoveAll(o3.Data + "/etcd"); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, o3); !errors.Is(err, ErrDataLost) || !strings.Contains(err.Error(), "`ozymandias delete node n3` on another node; then, to have this one again, run `ozymandias reset`") {
		t.Errorf("a member without its data: %v", err)
	}
	stranger := first.joining("n3")
	if _, err := tryStart(t, stranger); err == nil || !strings.Contains(err.Error(), "`ozymandias delete node n3` first") {
		t.Errorf("another machine comes with the name of one that is down: %v", err)
	}

	if err := first.Forget(t.Context(), "n5"); !errors.Is(err, state.ErrNoNode) {
		t.Errorf("a node that never was is forgotten: %v", err)
	}
	live(t, fourth)
	if err := first.Forget(t.Context(), "n4"); !errors.Is(err, state.ErrAlive) {
		t.Errorf("a node that is alive is forgotten: %v", err)
	}
	first.delete(t, "n3")
	eventually(t, "another node has the place of the one that was deleted", func() bool {
		voters, learners := first.members(t)
		return len(learners) == 0 && slices.Equal(sorted(voters), sorted([]string{first.node.member(), member(t, first, "n2"), fourth.node.member()}))
	})

	again := start(t, stranger)
	settled(t, 3, first, fourth, again)
}

// A member that is frozen answers nobody, and its connections stay. The others are used, until it is back.
func TestMemberFrozen(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	o2, o3 := first.joining("n2"), first.joining("n3")
	n2, n3 := spawn(t, o2), spawn(t, o3)
	n2.up(t)
	n3.up(t)
	settled(t, 3, first)
	frozen := "https://" + netip.AddrPortFrom(o3.Address, DefaultClientPort).String()
	if err := n3.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// Either we no longer count on it or, if the connection to it was just being made, gRPC never began to.
	eventually(t, "the frozen member is not used", func() bool {
		for range 10 { // they go to each member in turn
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			_, err := first.Client().Put(ctx, "/ozymandias/test", "x")
			cancel()
			if err != nil {
				return false
			}
		}
		return true
	})
	if !slices.Contains(first.Etcd().Endpoints, frozen) {
		t.Error("a member that is frozen is taken for none")
	}
	if err := n3.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is used again", func() bool { return slices.Contains(first.Client().Endpoints(), frozen) })
}

func member(t *testing.T, m *machine, name string) string {
	t.Helper()
	nodes, err := m.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		if n.Name == name {
			return n.member()
		}
	}
	t.Fatalf("there is no node %s among %v", name, nodes)
	return ""
}

// live enters a node among the living, as its process does when it is open.
func live(t *testing.T, m *machine) {
	t.Helper()
	l, err := lease.Grant(t.Context(), m.Client(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.New(m.Client()).Join(t.Context(), m.o.Name, state.Machine{Address: m.o.Address.String()}, state.Report{}, l.ID, 0); err != nil {
		t.Fatal(err)
	}
}

// A node that is deleted is told so: one that was off when it comes back, and one that runs at once.
func TestDeletedWhileOff(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2", "n3", "n4")
	settled(t, 3, machines...)
	var gone, other *machine
	voters, _ := machines[0].members(t)
	for _, m := range machines[1:] {
		if slices.Contains(voters, m.node.member()) {
			gone = m
		} else {
			other = m
		}
	}
	gone.stop()
	machines[0].delete(t, gone.o.Name)
	eventually(t, "the place is taken", func() bool {
		voters, learners := machines[0].members(t)
		return len(learners) == 0 && len(voters) == 3 && slices.Contains(voters, other.node.member())
	})
	if _, err := tryStart(t, gone.o); !errors.Is(err, ErrForgotten) || !strings.Contains(err.Error(), "run `ozymandias reset` on this machine") {
		t.Errorf("a node that was deleted comes back: %v", err)
	}

	// The same while it runs.
	machines[0].delete(t, other.o.Name)
	<-other.ended
	if !errors.Is(other.err, ErrForgotten) {
		t.Errorf("a node that was deleted ended with %v", other.err)
	}
	if err := other.Admitted(t.Context()); !errors.Is(err, ErrForgotten) {
		t.Errorf("asked whether it is admitted, it says %v", err)
	}
	if err := machines[0].Admitted(t.Context()); err != nil {
		t.Error(err)
	}
}
