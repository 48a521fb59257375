package secrets_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/secrets"
)

var key = bytes.Repeat([]byte{7}, seal.KeySize)

func open(t *testing.T, etcd *clientv3.Client, key []byte) *secrets.Store {
	t.Helper()
	s, err := secrets.Open(etcd, key, secrets.VaultOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStore(t *testing.T) {
	ctx, etcd := t.Context(), etcdtest.Start(t).Direct
	s := open(t, etcd, key)
	value := []byte("correct horse battery staple")
	for want := range int64(3) {
		version, err := s.Put(ctx, "db/password", fmt.Append(nil, string(value), want))
		if err != nil || version != want+1 {
			t.Fatalf("Put() = %d, %v", version, err)
		}
	}
	if _, err := s.Put(ctx, "empty", nil); err != nil {
		t.Error(err)
	}
	large := bytes.Repeat([]byte{255}, secrets.MaxSize)
	if _, err := s.Put(ctx, "large", large); err != nil {
		t.Error(err)
	}
	// Another node has the same key.
	other := open(t, etcd, slices.Clone(key))
	for name, want := range map[string][]byte{"db/password": fmt.Append(nil, string(value), 2), "empty": nil, "large": large} {
		if got, err := other.Resolve(ctx, job.Secret{Name: name}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is %.50q, %v", name, got, err)
		}
	}
	list, err := other.List(ctx)
	if err != nil || len(list) != 3 || list[0].Name != "db/password" || list[0].Version != 3 || list[0].Changed.IsZero() {
		t.Errorf("List() = %+v, %v", list, err)
	}
	if err := s.Delete(ctx, "db/password"); err != nil {
		t.Error(err)
	}
	if _, err := s.Get(ctx, "db/password"); !errors.Is(err, secrets.ErrNotFound) || !strings.Contains(err.Error(), "`ozymandias secret set db/password`") {
		t.Errorf("Get() of what was deleted: %v", err)
	}
	if err := s.Delete(ctx, "db/password"); !errors.Is(err, secrets.ErrNotFound) {
		t.Errorf("Delete() of what is not there: %v", err)
	}
	for name, want := range map[string]string{"": "is no name", "../jobs": "is no name", "a b": "is no name", "large": "has 524289 bytes: at most 524288"} {
		if _, err := s.Put(ctx, name, append(large, 0)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Put(%q) = %v", name, err)
		}
	}
	for _, name := range []string{"db_", "a..b"} {
		if _, err := s.Get(ctx, name); !errors.Is(err, secrets.ErrName) {
			t.Errorf("Get(%q) = %v", name, err)
		}
		if err := s.Delete(ctx, name); !errors.Is(err, secrets.ErrName) {
			t.Errorf("Delete(%q) = %v", name, err)
		}
	}
}

// Nothing of a value is in etcd, also not whether it is the same as before.
func TestSealed(t *testing.T) {
	ctx, etcd := t.Context(), etcdtest.Start(t).Direct
	s := open(t, etcd, key)
	var seen []string
	for range 2 {
		if _, err := s.Put(ctx, "password", []byte("xyzzy-plugh")); err != nil {
			t.Fatal(err)
		}
		raw, err := etcd.Get(ctx, "", clientv3.WithPrefix())
		if err != nil || len(raw.Kvs) != 1 {
			t.Fatalf("there are %v, %v", raw, err)
		}
		seen = append(seen, string(raw.Kvs[0].Value[bytes.Index(raw.Kvs[0].Value, []byte("sealed")):]))
		if bytes.Contains(raw.Kvs[0].Value, []byte("plugh")) || bytes.Contains(raw.Kvs[0].Value, []byte("eHl6enktcGx1Z2g")) { // base64
			t.Errorf("in etcd is %s", raw.Kvs[0].Value)
		}
	}
	if seen[0] == seen[1] {
		t.Errorf("it was sealed twice as %s", seen[0])
	}
}

// Records that were swapped, cut, or sealed by another key are refused, and the words say which it is.
func TestMeddled(t *testing.T) {
	ctx, etcd := t.Context(), etcdtest.Start(t).Direct
	s := open(t, etcd, key)
	for _, name := range []string{"a", "b"} {
		if _, err := s.Put(ctx, name, []byte("value of "+name)); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := etcd.Get(ctx, "/ozymandias/secrets/a")
	if err != nil {
		t.Fatal(err)
	}
	record := string(raw.Kvs[0].Value)
	for what, c := range map[string]struct{ name, record, want string }{
		"another's":       {"b", record, "is not what was put"},
		"another version": {"a", strings.Replace(record, `"version":1`, `"version":2`, 1), "is not what was put"},
		"cut":             {"a", strings.Replace(record, `"sealed":"`, `"sealed":"AAAA`, 1), "is not what was put"},
		"nothing":         {"a", "{}", "it was sealed by key "},
		"no JSON":         {"a", "-", "was not written by this program"},
	} {
		if _, err := etcd.Put(ctx, "/ozymandias/secrets/"+c.name, c.record); err != nil {
			t.Fatal(err)
		}
		if value, err := s.Get(ctx, c.name); value != nil || err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q, %v", what, value, err)
		}
	}
	if _, err := etcd.Put(ctx, "/ozymandias/secrets/a", record); err != nil {
		t.Fatal(err)
	}
	stranger := open(t, etcd, bytes.Repeat([]byte{8}, seal.KeySize))
	if value, err := stranger.Get(ctx, "a"); value != nil || err == nil || !strings.Contains(err.Error(), "give the node the cluster's key") {
		t.Errorf("by another key: %q, %v", value, err)
	}
	if _, err := secrets.Open(etcd, key[1:], secrets.VaultOptions{}); err == nil || !strings.Contains(err.Error(), "has 31 bytes; must be 32") {
		t.Errorf("a short key: %v", err)
	}
}

// Who puts at the same time gets versions one after the other.
func TestPutTogether(t *testing.T) {
	ctx, s := t.Context(), open(t, etcdtest.Start(t).Direct, key)
	var mu sync.Mutex
	versions := map[int64]string{}
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			value := fmt.Sprint(i)
			version, err := s.Put(ctx, "contended", []byte(value))
			mu.Lock()
			defer mu.Unlock()
			if versions[version] != "" || err != nil {
				t.Errorf("Put() = %d, %v", version, err)
			}
			versions[version] = value
		})
	}
	all.Wait()
	if got, err := s.Get(ctx, "contended"); err != nil || len(versions) != 10 || string(got) != versions[10] {
		t.Errorf("it is %q, %v of %v", got, err, versions)
	}
}

// Others' values go there and back by the same key; what was meddled with does not, nor does a secret's.
func TestEncrypt(t *testing.T) {
	ctx, etcd := t.Context(), etcdtest.Start(t).Direct
	s := open(t, etcd, key)
	sealed, err := s.Encrypt([]byte("key of a certificate"))
	if err != nil || bytes.Contains(sealed, []byte("certificate")) {
		t.Fatalf("Encrypt() = %q, %v", sealed, err)
	}
	if value, err := open(t, etcd, key).Decrypt(sealed); err != nil || string(value) != "key of a certificate" {
		t.Errorf("Decrypt() = %q, %v", value, err)
	}
	for i := range sealed {
		sealed[i] ^= 1
		if value, err := s.Decrypt(sealed); err == nil {
			t.Fatalf("Decrypt() = %q though byte %d was changed", value, i)
		}
		sealed[i] ^= 1
	}
	if _, err := s.Decrypt(nil); err == nil {
		t.Error("Decrypt() took nothing")
	}
	// What a secret is sealed as is no such value.
	if _, err := s.Put(ctx, "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	raw, err := etcd.Get(ctx, "/ozymandias/secrets/a")
	if err != nil {
		t.Fatal(err)
	}
	var record struct{ Sealed []byte }
	if err := json.Unmarshal(raw.Kvs[0].Value, &record); err != nil {
		t.Fatal(err)
	}
	if value, err := s.Decrypt(record.Sealed); err == nil {
		t.Errorf("Decrypt() of a secret = %q", value)
	}
}

// A secret can have exactly the names that a job can name.
func TestNames(t *testing.T) {
	s := open(t, etcdtest.Start(t).Direct, key)
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9_./-]{0,5}`), rapid.StringN(0, 300, 300), rapid.StringMatching(`[a-z.]{250,256}`)).Draw(rt, "name")
		j := job.Job{Name: "a", Containers: map[string]job.Container{"a": {Image: "a", Secrets: []job.Secret{{Name: name, Env: "A"}}}}}.Default()
		_, err := s.Get(rt.Context(), name)
		if named, kept := len(j.Validate()) == 0, errors.Is(err, secrets.ErrNotFound); named != kept {
			rt.Errorf("%q: a job can name it: %v; it can be had: %v, %v", name, named, kept, err)
		}
	})
}

// What was sealed by an earlier program can be read: a secret, and what is kept for others.
func TestSealedBefore(t *testing.T) {
	ctx, etcd := t.Context(), etcdtest.Start(t).Direct
	s := open(t, etcd, key)
	record := `{"version":3,"changed":"2026-11-01T00:00:00Z","key":"4715edbe97259ab6","sealed":"hELA8wBNbhBgco060a4tryp7KawZn1Tl69r3AbER7sXZE84CRQmojGHriiY8"}`
	if _, err := etcd.Put(ctx, "/ozymandias/secrets/shop/db", record); err != nil {
		t.Fatal(err)
	}
	if value, err := s.Get(ctx, "shop/db"); err != nil || string(value) != "kept since before" {
		t.Errorf("the secret is %q, %v", value, err)
	}
	sealed, err := base64.StdEncoding.DecodeString("Zv2YDadwIcPdXXVcR6dNWdgsNzDqVGsztdDI/QQddLrLh9UguD+3MRPQ8nHe")
	if err != nil {
		t.Fatal(err)
	}
	if value, err := s.Decrypt(sealed); err != nil || string(value) != "kept since before" {
		t.Errorf("what was encrypted is %q, %v", value, err)
	}
}
