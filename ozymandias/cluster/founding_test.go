package cluster

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// The first machine needs nothing. Started again, it is the same cluster with the same data.
func TestFound(t *testing.T) {
	t.Parallel()
	o := options(t, "n1")
	m := start(t, o)
	if !m.Founded() {
		t.Error("it does not say that it has founded a cluster")
	}
	if _, err := m.Client().Put(t.Context(), "/ozymandias/jobs/a", "kept"); err != nil {
		t.Fatal(err)
	}
	token, err := m.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryStart(t, o); !errors.Is(err, ErrInUse) {
		t.Errorf("a second process in the same directory: %v", err)
	}
	m.stop()

	again := start(t, o)
	if again.Founded() {
		t.Error("it says that it has founded another cluster")
	}
	answer, err := again.Client().Get(t.Context(), "/ozymandias/jobs/a")
	if err != nil || len(answer.Kvs) != 1 || string(answer.Kvs[0].Value) != "kept" {
		t.Errorf("what was written is %v, %v", answer, err)
	}
	if other, err := again.Token(t.Context()); err != nil || other != token {
		t.Errorf("the token is %s now, was %s: %v", other, token, err)
	}
	if nodes, err := again.Nodes(t.Context()); err != nil || len(nodes) != 1 || nodes[0] != again.node {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
	err = filepath.WalkDir(filepath.Join(o.Data, "pki"), func(path string, d fs.DirEntry, err error) error {
		if info, _ := os.Stat(path); info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be read by others: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
