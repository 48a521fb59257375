package crd

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// What is generated from the types is that of the types as they are now.
func TestGeneratedIsCurrent(t *testing.T) {
	const root = "../.."
	dir := t.TempDir()
	gen := exec.CommandContext(t.Context(), "go", "run", "./hack/crds", dir)
	gen.Dir = root
	if out, err := gen.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	generated := 0
	for _, pattern := range []string{"*/zz_generated.*.go", "*/*/zz_generated.*.go", "config/crd/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			generated++
			name, err := filepath.Rel(dir, file)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(root, name)); err != nil || string(got) != string(want) {
				t.Errorf("%s is not what is generated from the types: run `make generate` (%v)", name, err)
			}
		}
	}
	if generated < 4 {
		t.Errorf("only %d files are generated", generated)
	}
}
