package cluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/state"
)

// backedUpTo writes a backup to a file.
func (m *machine) backedUpTo(t *testing.T, file string) {
	t.Helper()
	var b bytes.Buffer
	if err := Backup(t.Context(), m.o.Data, &b); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// All machines are lost. From a backup another one founds the cluster anew: with the same keys, and all records but those that were under a
// lease. The nodes that there were are none any more; others join with the token that there was, and get all of it. One that there was and comes
// back is told what to do.
func TestRestore(t *testing.T) {
	t.Parallel()
	machines := grow(t, briefly, "n1", "n2")
	first, second := machines[0], machines[1]
	live(t, second)
	if _, err := first.Client().Put(t.Context(), "/ozymandias.network/config", "pods"); err != nil {
		t.Fatal(err)
	}
	written, err := first.Client().Put(t.Context(), "/ozymandias/test", "kept")
	if err != nil {
		t.Fatal(err)
	}
	token, err := first.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	second.backedUpTo(t, file) // which has no member of etcd
	lose(machines...)

	o := options(t, "n1")
	o.patience, o.Restore = briefly, file
	first = start(t, o)
	if now, err := first.Token(t.Context()); err != nil || now != token || !slices.Equal(first.Key(), second.Key()) {
		t.Errorf("the token is %s, %v, and the keys are equal: %v", now, err, slices.Equal(first.Key(), second.Key()))
	}
	for key, want := range map[string]string{"/ozymandias/test": "kept", "/ozymandias.network/config": "pods"} {
		answer, err := first.Client().Get(t.Context(), key)
		if err != nil || len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != want {
			t.Errorf("%s is %v, %v", key, answer, err)
		} else if answer.Header.Revision < written.Header.Revision+state.Leap {
			t.Errorf("etcd counts on at %d, from %d", answer.Header.Revision, written.Header.Revision)
		}
	}
	if nodes, err := first.Nodes(t.Context()); err != nil || len(nodes) != 1 || nodes[0] != first.node {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
	mirror, err := state.New(first.Client()).NewMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version, _ := mirror.Version(); version < state.Leap || len(mirror.Machines()) > 0 {
		t.Errorf("at version %d the machines are %v", version, mirror.Machines())
	}
	for file := range slices.Values([]string{first.dir.pki(restoredFile), first.dir.etcdMade(), first.dir.etcdNew()}) {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s is left", file)
		}
	}

	o2 := first.joining("n2")
	o2.Token = token
	o2.patience = briefly
	o3 := first.joining("n3")
	o3.patience = briefly
	joined := []*machine{start(t, o2), start(t, o3)}
	settled(t, 3, first, joined[0], joined[1])
	for _, m := range joined {
		answer, err := m.Client().Get(t.Context(), "/ozymandias/test", clientv3.WithSerializable())
		if err != nil || len(answer.Kvs) != 1 || answer.Header.Revision < state.Leap {
			t.Errorf("%s reads %v, %v", m.o.Name, answer, err)
		}
	}

	// The same command line opens it, ever after.
	first.stop()
	first = start(t, o)
	settled(t, 3, first)
	old, err := second.dir.self()
	if err != nil {
		t.Fatal(err)
	}
	old.Endpoints = first.Etcd().Endpoints // as it is when the new nodes have the old ones' addresses
	if err := second.dir.putSelf(old); err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, second.o); !errors.Is(err, ErrForgotten) || !strings.Contains(err.Error(), "`ozymandias reset`") {
		t.Errorf("a node of the old cluster: %v", err)
	}
}

// Who has a client certificate is let in as before, until it ends: its record is there again, under a lease that ends with it. One that has
// ended before the cluster was restored is not, and neither is what else was under a lease.
func TestRestoreCertificates(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	lease, err := first.Client().Grant(t.Context(), 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	leased := func(key, value string) {
		t.Helper()
		if _, err := first.Client().Put(t.Context(), key, value, clientv3.WithLease(lease.ID)); err != nil {
			t.Fatal(err)
		}
	}
	issued := func(serial string, ends time.Time) (key, value string) {
		text, err := json.Marshal(v1.Certificate{Name: "alice", Serial: serial, Created: time.Now().UTC(), Ends: ends.UTC()})
		if err != nil {
			t.Fatal(err)
		}
		return "/ozymandias/clients/alice/" + serial, string(text)
	}
	const life = 1000 * time.Second
	good, record := issued("1", time.Now().Add(life))
	leased(good, record)
	ended, past := issued("2", time.Now().Add(-time.Second))
	leased(ended, past)
	leased("/ozymandias/live/n1", "{}")
	leased("/ozymandias/clients/alice/3", "of no program")
	file := filepath.Join(t.TempDir(), "backup")
	first.backedUpTo(t, file)
	lose(first)

	o := options(t, "n1")
	o.Restore = file
	first = start(t, o)
	for range 2 { // and when etcd has ended and begun anew
		answer, err := first.Client().Get(t.Context(), "/ozymandias/clients/", clientv3.WithPrefix())
		if err != nil || len(answer.Kvs) != 1 || string(answer.Kvs[0].Key) != good || string(answer.Kvs[0].Value) != record {
			t.Fatalf("the certificates are %v, %v", answer, err)
		}
		left, err := first.Client().TimeToLive(t.Context(), clientv3.LeaseID(answer.Kvs[0].Lease))
		if err != nil || left.GrantedTTL <= 0 || left.GrantedTTL > int64(life/time.Second)+1 {
			t.Errorf("it ends in %v, %v", left, err)
		}
		first.stop()
		first = start(t, o)
	}
	if answer, err := first.Client().Get(t.Context(), "/ozymandias/live/", clientv3.WithPrefix()); err != nil || answer.Count > 0 {
		t.Errorf("alive are %v, %v", answer, err)
	}
}

// A machine that is killed while it restores goes on the next time.
func TestKilledInRestoring(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	if _, err := first.Client().Put(t.Context(), "/ozymandias/test", "kept"); err != nil {
		t.Fatal(err)
	}
	backup := filepath.Join(t.TempDir(), "backup")
	first.backedUpTo(t, backup)
	first.stop()
	for _, file := range []string{"pki.new/node.key", "pki.new/" + restoredFile, "pki", "etcd.new/member/wal", "etcd.made", "etcd"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			o := options(t, "n1")
			o.Restore = backup
			spawn(t, o).whenThere(t, filepath.Join(o.Data, file))
			m := start(t, o)
			answer, err := m.Client().Get(t.Context(), "/ozymandias/test")
			if err != nil || len(answer.Kvs) != 1 {
				t.Errorf("it reads %v, %v", answer, err)
			}
			if voters, learners := m.members(t); !slices.Equal(voters, []string{m.node.member()}) || len(learners) > 0 {
				t.Errorf("the members of etcd are %v and %v", voters, learners)
			}
		})
	}
}

func TestNoBackup(t *testing.T) {
	t.Parallel()
	if err := Backup(t.Context(), t.TempDir(), nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("a backup of nothing: %v", err)
	}
	o := options(t, "n1")
	o.Restore = filepath.Join(t.TempDir(), "backup")
	for content, says := range map[string]string{"": "EOF", "{}": "is no backup", "etcd's own": "invalid character"} {
		if err := os.WriteFile(o.Restore, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tryStart(t, o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q is restored: %v", content, err)
		}
		if left, _ := os.ReadDir(o.Data); slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() != "lock" }) {
			t.Errorf("%q left %v", content, left)
		}
	}
	o.Join, o.Token = []string{"127.0.0.1:1"}, "x"
	if _, err := tryStart(t, o); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "leave out --join or --restore") {
		t.Errorf("it is restored, and joins: %v", err)
	}
}
