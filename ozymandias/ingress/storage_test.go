package ingress

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
)

// flip is an encryption that a test can undo by eye.
func flip(b []byte) ([]byte, error) {
	b = bytes.Clone(b)
	for i := range b {
		b[i] ^= 0x55
	}
	return b, nil
}

func TestStorage(t *testing.T) {
	etcd := etcdtest.Start(t)
	ctx := t.Context()
	s := newStorage(&ACME{Etcd: etcd.Direct, Encrypt: flip, Decrypt: flip})
	for key, value := range map[string]string{"certs/a/a.crt": "certificate", "certs/a/a.key": "private key", "certs/b/b.crt": "", "certsx": "other"} {
		if err := s.Store(ctx, key, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := s.Load(ctx, "certs/a/a.key"); string(got) != "private key" || err != nil {
		t.Errorf("loaded %q, %v", got, err)
	}
	for _, missing := range []string{"certs", "certs/a", "certs/a/a.json"} {
		if got, err := s.Load(ctx, missing); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("loading %s, which is no value, gives %q, %v", missing, got, err)
		}
	}
	for _, c := range []struct {
		path      string
		recursive bool
		want      []string
	}{
		{"certs", true, []string{"certs/a/a.crt", "certs/a/a.key", "certs/b/b.crt"}},
		{"certs", false, []string{"certs/a", "certs/b"}},
		{"certs/a", false, []string{"certs/a/a.crt", "certs/a/a.key"}},
		{"", false, []string{"certs", "certsx"}},
	} {
		if got, err := s.List(ctx, c.path, c.recursive); !slices.Equal(got, c.want) || err != nil {
			t.Errorf("List(%q, %t) = %q, %v; want %q", c.path, c.recursive, got, err, c.want)
		}
	}
	if got, err := s.List(ctx, "cert", true); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("listing what is no path gives %q, %v", got, err)
	}
	if info, err := s.Stat(ctx, "certs/a/a.crt"); !info.IsTerminal || info.Size != 11 || err != nil {
		t.Errorf("a value is %+v, %v", info, err)
	}
	if info, err := s.Stat(ctx, "certs/a"); info.IsTerminal || err != nil {
		t.Errorf("a directory is %+v, %v", info, err)
	}
	if err := s.Delete(ctx, "certs/a"); err != nil {
		t.Error(err)
	}
	for key, want := range map[string]bool{"certs/a/a.crt": false, "certs/a": false, "certs/b/b.crt": true, "certs": true, "certsx": true} {
		if got := s.Exists(ctx, key); got != want {
			t.Errorf("after deleting certs/a: %s is there: %t", key, got)
		}
	}
	if err := s.Delete(ctx, "certs/a"); err != nil {
		t.Errorf("deleting what is not there: %v", err)
	}
	late, cancel := context.WithCancel(ctx)
	cancel()
	if got, err := s.Load(late, "certs/b/b.crt"); !errors.Is(err, context.Canceled) || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("when it is not known whether there is one, a value is %q, %v", got, err)
	}
}

// Whoever can read etcd finds no key there.
func TestWhatIsStoredIsEncrypted(t *testing.T) {
	etcd := etcdtest.Start(t)
	s := newStorage(&ACME{Etcd: etcd.Direct, Encrypt: flip, Decrypt: flip})
	if err := s.Store(t.Context(), "a.key", []byte("private key")); err != nil {
		t.Fatal(err)
	}
	answer, err := etcd.Direct.Get(t.Context(), "", clientv3.WithPrefix())
	if err != nil {
		t.Fatal(err)
	}
	sealed, _ := flip([]byte("private key"))
	if len(answer.Kvs) != 1 || string(answer.Kvs[0].Key) != "/ozymandias/certificates/a.key" || !bytes.Equal(answer.Kvs[0].Value, sealed) {
		t.Errorf("stored: %v", answer.Kvs)
	}
}

func TestLocks(t *testing.T) {
	etcd := etcdtest.Start(t)
	ctx := t.Context()
	options := &ACME{Etcd: etcd.Direct, Encrypt: flip, Decrypt: flip}
	one, other := newStorage(options), newStorage(options)
	if err := one.Lock(ctx, "a.example"); err != nil {
		t.Fatal(err)
	}
	if err := other.Lock(ctx, "b.example"); err != nil {
		t.Errorf("a lock of another name: %v", err)
	}
	impatient, giveUp := context.WithCancel(ctx)
	waiting := etcd.Direct.Watch(clientv3.WithRequireLeader(ctx), prefix+"locks/a.example/", clientv3.WithPrefix())
	up := make(chan error)
	go func() { up <- other.Lock(impatient, "a.example") }()
	select {
	case <-waiting: // it stands in the queue
	case err := <-up:
		t.Fatalf("the lock was had by two: %v", err)
	}
	giveUp()
	if err := <-up; !errors.Is(err, context.Canceled) {
		t.Errorf("whoever gave up waiting got %v", err)
	}
	got := make(chan error)
	go func() { got <- other.Lock(ctx, "a.example") }()
	done, cancel := context.WithCancel(ctx)
	cancel() // whoever holds a lock lets go of it even if it was itself cancelled
	if err := one.Unlock(done, "a.example"); err != nil {
		t.Error(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
	if err := one.Unlock(ctx, "a.example"); err == nil {
		t.Error("a lock that another one holds was unlocked")
	}
	for _, name := range []string{"a.example", "b.example"} {
		if err := other.Unlock(ctx, name); err != nil {
			t.Error(err)
		}
	}
	leases, err := etcd.Direct.Leases(ctx)
	if err != nil || len(leases.Leases) != 0 {
		t.Errorf("leases are left: %v, %v", leases.Leases, err)
	}
}
