package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"teamtask.dev/ozymandias/pki"
)

// begun is a machine that has its keys, and has not begun with etcd.
func begun(t *testing.T, o Options) *Cluster {
	t.Helper()
	dir, err := openDirectory(o.Data)
	if err != nil {
		t.Fatal(err)
	}
	if err := begin(time.Now(), o, dir); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{options: o, dir: dir, log: o.Log, changed: make(chan struct{})}
	if err := c.recall(time.Now()); err != nil {
		t.Fatal(err)
	}
	return c
}

// whenThere kills a node as soon as a file is there, or when the node is up.
func (p *process) whenThere(t *testing.T, file string) {
	t.Helper()
	eventually(t, file+" is there", func() bool {
		select {
		case <-p.ready:
			return true
		case <-p.ended:
			t.Fatalf("the node has ended: %s", p.stderr)
		default:
		}
		_, err := os.Stat(file)
		return err == nil
	})
	p.kill()
}

// A machine that is killed while it founds a cluster goes on the next time, or begins anew: there is never half a cluster, nor two.
func TestKilledInFounding(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"lock", "pki.new", "pki.new/node.key", "pki.new/ca.key", "pki.new/cluster.json", "pki", "etcd", "etcd/member", "etcd/member/wal", "etcd/member/snap/db"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			o := options(t, "n1")
			spawn(t, o).whenThere(t, filepath.Join(o.Data, file))
			founded := opens(t, o)
			if _, err := os.Stat(filepath.Join(o.Data, "pki.new")); err == nil {
				t.Error("what was begun is left")
			}
			if again := opens(t, o); again != founded {
				t.Errorf("the cluster was %s, and is %s", founded, again)
			}
		})
	}
}

// opens opens a node alone, and returns its token.
func opens(t *testing.T, o Options) string {
	t.Helper()
	m := start(t, o)
	defer m.stop()
	nodes, err := m.Nodes(t.Context())
	if err != nil || len(nodes) != 1 || nodes[0] != m.node {
		t.Errorf("the nodes are %v, %v, want %v", nodes, err, m.node)
	}
	if voters, learners := m.members(t); !slices.Equal(voters, []string{m.node.member()}) || len(learners) > 0 {
		t.Errorf("the members of etcd are %v and %v", voters, learners)
	}
	token, err := m.Token(t.Context())
	if err != nil {
		t.Error(err)
	}
	return token
}

// The steps of founding where it is hard to be at the right moment.
func TestFoundingInSteps(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		name string
		stop func(*testing.T, *Cluster)
	}{
		{"before etcd", func(*testing.T, *Cluster) {}},
		{"etcd has made its log, and written nothing", func(t *testing.T, c *Cluster) {
			log := filepath.Join(c.dir.etcd(), "member", "wal")
			if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
				t.Fatal(err)
			}
			w, err := wal.Create(zap.NewNop(), log, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.Close()
		}},
		{"etcd has begun", func(t *testing.T, c *Cluster) {
			if err := c.connect(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
		{"the records are written", func(t *testing.T, c *Cluster) {
			if err := c.connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := c.await(t.Context()); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(at.name, func(t *testing.T) {
			o, err := options(t, "n1").withDefaults()
			if err != nil {
				t.Fatal(err)
			}
			c := begun(t, o)
			at.stop(t, c)
			want := c.authority.Hash()
			c.Close()
			m := start(t, o)
			if !m.Founded() {
				t.Error("nobody was told that the cluster is founded")
			}
			if m.authority.Hash() != want {
				t.Error("it is another cluster")
			}
			m.stop()
			opens(t, o)
		})
	}
}

// A machine that is killed while it joins is the same machine when it comes again; and while it becomes a member of etcd, it becomes one later.
func TestKilledInJoining(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	second := start(t, first.joining("n2"))
	o := first.joining("n3")
	for _, file := range []string{"lock", "pki.new/node.key", "pki", "etcd", "etcd/member/snap/db"} {
		p := spawn(t, o)
		if strings.HasPrefix(file, "etcd") { // which begins when the node is up
			p.up(t)
			p.ready = nil
		}
		p.whenThere(t, filepath.Join(o.Data, file))
	}
	third := start(t, o)
	settled(t, 3, first, second, third)
	nodes, err := first.Nodes(t.Context())
	if err != nil || len(nodes) != 3 {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
}

// A machine may be admitted and not hear of it: it comes again with the same key.
func TestWelcomeLost(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	o, err := first.joining("n2").withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := openDirectory(o.Data)
	if err != nil {
		t.Fatal(err)
	}
	key, err := dir.draftKey()
	if err != nil {
		t.Fatal(err)
	}
	request := asking(t, first, "n2")
	request.Node = o.node("")
	if request.Request, err = pki.Request(key, "n2"); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Admit(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	dir.close()
	start(t, o)
}

// A node that died between being added to etcd's members and starting as one becomes one nonetheless.
func TestLearnerWithoutData(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2")
	o := machines[0].joining("n3")
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	added, err := machines[0].Client().MemberAddAsLearner(t.Context(), []string{c.node.peerURL()})
	if err != nil {
		t.Fatal(err)
	}
	third := run(t, o, c)
	settled(t, 3, append(machines, third)...)
	list, err := machines[0].Client().MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Members {
		if m.ID == added.Member.ID {
			t.Error("the member that had no data has a vote")
		}
	}
}

// A learner whose machine has died is in nobody's way for long.
func TestLearnerLost(t *testing.T) {
	t.Parallel()
	hasty := patience{learner: 20 * time.Second, surplus: time.Hour}
	machines := grow(t, hasty, "n1", "n2")
	gone := asking(t, machines[0], "n3")
	if _, err := machines[0].Admit(t.Context(), gone); err != nil {
		t.Fatal(err)
	}
	if _, err := machines[0].Client().MemberAddAsLearner(t.Context(), []string{gone.Node.peerURL()}); err != nil {
		t.Fatal(err)
	}
	o := machines[0].joining("n4")
	o.patience = hasty
	fourth := start(t, o)
	settled(t, 3, machines[0], machines[1], fourth)
}

// Members that are too many go, and their nodes go on without.
func TestShrink(t *testing.T) {
	t.Parallel()
	hasty := patience{learner: time.Hour, surplus: time.Nanosecond}
	machines := grow(t, hasty, "n1", "n2", "n3")
	settled(t, 3, machines...)
	machines[2].stop()
	machines[0].delete(t, "n3")
	settled(t, 1, machines[:2]...)
	for _, m := range machines[:2] {
		m.put(t, "/ozymandias/test", m.o.Name)
	}
	third := start(t, machines[0].joining("n3"))
	settled(t, 3, machines[0], machines[1], third)
}

// A member that is removed ends its etcd, not its process, however many are asking it something at that moment.
func TestRemovedWhileAsked(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2", "n3")
	settled(t, 3, machines...)
	third := machines[2]
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{third.node.clientURL()}, TLS: machines[0].Dial(), Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	connection := etcdserverpb.NewMaintenanceClient(client.ActiveConnection())
	ctx, done := context.WithCancel(t.Context())
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for ctx.Err() == nil {
				connection.Status(ctx, &etcdserverpb.StatusRequest{}, grpc.WaitForReady(true))
			}
		})
	}
	machines[0].delete(t, "n3")
	<-third.ended
	<-third.etcd.Server.StopNotify()
	done()
	asking.Wait()
	if !errors.Is(third.err, ErrForgotten) {
		t.Errorf("the node ended with %v", third.err)
	}
}

// An etcd that the others have told that it is removed ends, and its API is there until somebody closes it: who asks is sent elsewhere.
func TestAskedAfterItsEnd(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	connection := etcdserverpb.NewMaintenanceClient(m.client.ActiveConnection())
	m.etcd.Server.Stop()
	if _, err := connection.Status(t.Context(), &etcdserverpb.StatusRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("an etcd that has ended says %v", err)
	}
}
