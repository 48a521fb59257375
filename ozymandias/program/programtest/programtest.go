// Package programtest builds the programs of others for tests, once for each version, into the user's cache.
package programtest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"syscall"
	"testing"

	"teamtask.dev/ozymandias/program"
)

// Use builds the programs, unless they are there, and has the test find them.
func Use(t *testing.T, sources ...program.Source) {
	t.Helper()
	search := os.Getenv("PATH")
	for _, source := range sources {
		built, err := Build(source)
		if err != nil {
			t.Fatal(err)
		}
		search = filepath.Dir(built) + string(filepath.ListSeparator) + search
	}
	t.Setenv("PATH", search)
}

// Build builds a program, unless it is there, and returns its path: in teamtask/NAME-VERSION in the user's cache. It takes minutes.
func Build(source program.Source) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", source.Name, err)
	}
	return build(source, filepath.Join(cache, "teamtask"))
}

func build(source program.Source, cache string) (string, error) {
	built := path.Base(source.Package) // as Go names it
	dir := filepath.Join(cache, built+"-"+source.Version)
	err := Once(dir, func(half string) error {
		install := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w", source.Package+"@"+source.Version)
		install.Env = append(os.Environ(), "GOBIN="+half, "GOFLAGS=", "CGO_ENABLED=0")
		if source.C {
			install.Env = append(install.Env, "CGO_ENABLED=1")
		}
		if out, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return os.Rename(filepath.Join(half, built), filepath.Join(half, source.Name))
	})
	if err != nil {
		return "", fmt.Errorf("build %s: %w", source.Name, err)
	}
	return filepath.Join(dir, source.Name), nil
}

// Once has a directory made, unless it is there. Who else wants it at the same time waits for it. It comes to its place as a whole, so that
// nobody finds half of it.
func Once(dir string, make func(half string) error) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	lock, err := os.Create(dir + ".lock")
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for who else makes it: %w", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	half, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir))
	if err != nil {
		return err
	}
	defer os.RemoveAll(half)
	if err := make(half); err != nil {
		return err
	}
	if err := os.Chmod(half, 0o755); err != nil {
		return err
	}
	return os.Rename(half, dir)
}
