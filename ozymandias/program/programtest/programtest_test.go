package programtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"teamtask.dev/ozymandias/program"
)

// A small program of the same kind as the large ones: it is built once, whoever asks at the same time, and left alone from then on.
func TestBuild(t *testing.T) {
	cache := t.TempDir()
	small := program.Source{Name: "renamed", Package: "golang.org/x/tools/cmd/stringer", Version: "v0.51.0"}
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			path, err := build(small, cache)
			if err != nil || path != filepath.Join(cache, "stringer-v0.51.0", "renamed") {
				t.Errorf("build() = %s, %v", path, err)
			}
		})
	}
	both.Wait()
	built := filepath.Join(cache, "stringer-v0.51.0", "renamed")
	out, _ := exec.Command(built, "-help").CombinedOutput()
	if !strings.Contains(string(out), "Usage of stringer") {
		t.Errorf("what was built says %q", out)
	}
	if err := os.WriteFile(built, []byte("as it was left"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := build(small, cache); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(built); string(b) != "as it was left" {
		t.Errorf("it was built again (%d bytes, %v)", len(b), err)
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 2 {
		t.Errorf("beside the program and its lock there is %v, %v", left, err)
	}
	if _, err := build(program.Source{Name: "none", Package: "golang.org/x/tools/cmd/none", Version: "v0.51.0"}, cache); err == nil {
		t.Error("a program that does not exist was built")
	}
}
