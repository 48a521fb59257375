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
// Who else wants it at the same time waits for it.
func Build(source program.Source) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("build %s: %w", source.Name, err)
	}
	return build(source, filepath.Join(cache, "teamtask"))
}

func build(source program.Source, cache string) (_ string, err error) {
	built := path.Base(source.Package) // as Go names it
	dir := filepath.Join(cache, built+"-"+source.Version)
	executable := filepath.Join(dir, source.Name)
	defer func() {
		if err != nil {
			err = fmt.Errorf("build %s: %w", source.Name, err)
		}
	}()
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	lock, err := os.Create(dir + ".lock")
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("wait for who else builds it: %w", err)
	}
	if _, err := os.Stat(executable); !errors.Is(err, fs.ErrNotExist) {
		return executable, err
	}
	// It comes to its place as a whole, so that nobody finds half of it.
	half, err := os.MkdirTemp(cache, built)
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(half)
	install := exec.Command("go", "install", "-trimpath", "-ldflags=-s -w", source.Package+"@"+source.Version)
	install.Env = append(os.Environ(), "GOBIN="+half, "GOFLAGS=", "CGO_ENABLED=0")
	if source.C {
		install.Env = append(install.Env, "CGO_ENABLED=1")
	}
	if out, err := install.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	if err := os.Rename(filepath.Join(half, built), filepath.Join(half, source.Name)); err != nil {
		return "", err
	}
	if err := os.Chmod(half, 0o755); err != nil {
		return "", err
	}
	return executable, os.Rename(half, dir)
}
