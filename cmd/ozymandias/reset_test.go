package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/cluster"
)

// What comes forward may take as long as it takes; what does not is given up, and says so; and a person may end it at any time.
func TestAttended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		person, interrupt := context.WithCancel(t.Context())
		ctx, step, done := attended(person, time.Minute)
		defer done()
		for range 100 {
			time.Sleep(59 * time.Second)
			step()
		}
		if ctx.Err() != nil {
			t.Fatalf("it was given up: %v", context.Cause(ctx))
		}
		time.Sleep(time.Minute + time.Second)
		if cause := context.Cause(ctx); cause == nil || !strings.Contains(cause.Error(), "nothing more has gone within 1m0s") {
			t.Errorf("it ends with %v", cause)
		}
		ctx, _, done = attended(person, time.Minute)
		defer done()
		interrupt()
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			t.Errorf("interrupted, it ends with %v", cause)
		}
	})
}

// write makes files, with their directories, below one.
func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// mount mounts a directory at another one until the test ends.
func mount(t *testing.T, from, at string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(from, 0o700), os.MkdirAll(at, 0o700), unix.Mount(from, at, "", unix.MS_BIND, "")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(at, 0); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) { // it is not mounted any more
			t.Error(err)
		}
	})
}

// Nothing is left of a node that had its data on a disk of its own, or its volumes on one, by a mount or by a link: on a disk that is merely
// unmounted the keys would be left.
func TestRemovesFromDisks(t *testing.T) {
	disks, data := t.TempDir(), filepath.Join(t.TempDir(), "data")
	mount(t, filepath.Join(disks, "data"), data)
	mount(t, filepath.Join(disks, "volumes"), filepath.Join(data, "volumes"))
	elsewhere := filepath.Join(disks, "etcd")
	if err := errors.Join(os.Mkdir(elsewhere, 0o700), os.Symlink(elsewhere, filepath.Join(data, "etcd"))); err != nil {
		t.Fatal(err)
	}
	write(t, data, map[string]string{"lock": "", "pki/cluster.json": `{"name": "n1"}`, "pki/ca.key": "secret", "volumes/db/disk": "secret", "podman/storage/image": "", "etcd/member/wal/0": "secret"})
	storage := filepath.Join(data, "podman", "storage")
	mount(t, storage, storage)
	for range 2 { // again, there is nothing to do
		if err := errors.Join(isNodes(data), unmountBelow(data), removeAll(data)); err != nil {
			t.Fatal(err)
		}
		for _, disk := range []string{filepath.Join(disks, "data"), filepath.Join(disks, "volumes"), elsewhere} {
			left, err := os.ReadDir(disk)
			for _, e := range left {
				if e.Name() != "volumes" || disk == elsewhere { // where the other disk is mounted
					t.Errorf("%s has %s in it, %v", disk, e, err)
				}
			}
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(data, link); err != nil {
		t.Fatal(err)
	}
	write(t, link, map[string]string{"pki.new/node.key": "secret"})
	if err := errors.Join(unmountBelow(link), removeAll(link)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(data, "pki.new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("behind a link it is left: %v", err)
	}
}

// What cannot be removed is an error, and the directory is known for a node's the next time; its keys are gone already.
func TestRemovesAgain(t *testing.T) {
	data := t.TempDir()
	write(t, data, map[string]string{"pki/cluster.json": `{"name": "n1"}`, "pki/ca.key": "secret", "volumes/db/file": "x"})
	busy := filepath.Join(data, "volumes", "db")
	mount(t, busy, busy)
	if err := removeAll(data); !errors.Is(err, unix.EBUSY) {
		t.Errorf("removed what is in use: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, "pki", "ca.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a key is left: %v", err)
	}
	if name, err := nameOf("", data); name != "n1" || err != nil {
		t.Errorf("it is %q then, %v", name, err)
	}
	if err := errors.Join(isNodes(data), unmountBelow(data), removeAll(data)); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(data); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is left: %v", err)
	}
}

// A directory of something else is refused, whatever is answered; one of a node, whole or not, is not.
func TestWhoseDirectory(t *testing.T) {
	for file, ok := range map[string]bool{"pki/cluster.json": true, "pki.new/node.key": true, "podman/storage/x": true, "lock": true, "lost+found/x": true, "pki/ca.key": false, "letters/ann": false} {
		data := t.TempDir()
		write(t, data, map[string]string{file: ""})
		if err := isNodes(data); (err == nil) != ok {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := isNodes(filepath.Join(t.TempDir(), "nothing")); err != nil {
		t.Error(err)
	}
	data := t.TempDir()
	write(t, data, map[string]string{"letters/ann": "dear"})
	cmd := resetCommand()
	cmd.SetArgs([]string{"--yes", "--data-dir", data, "--run-dir", filepath.Join(t.TempDir(), "run")})
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), data+" is no node's, but has letters in it") {
		t.Errorf("reset: %v", err)
	}
}

// Whoever interrupts the question has answered it.
func TestResetInterrupted(t *testing.T) {
	data := t.TempDir()
	write(t, data, map[string]string{"pki/cluster.json": `{"name": "shop-3"}`})
	ctx, interrupt := context.WithCancel(t.Context())
	typed, keys := io.Pipe()
	defer keys.Close()
	cmd := resetCommand()
	cmd.SetArgs([]string{"--data-dir", data, "--run-dir", filepath.Join(t.TempDir(), "run")})
	cmd.SetIn(typed)
	cmd.SetErr(writer(func([]byte) { interrupt() }))
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	if err := cmd.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if name, err := cluster.NodeName(data); err != nil || name != "shop-3" {
		t.Errorf("it is node %q, %v", name, err)
	}
}

// The question says what goes: which node, by the name that it has in its cluster, and which directories.
func TestResetAsks(t *testing.T) {
	data, run := t.TempDir(), filepath.Join(t.TempDir(), "run")
	write(t, data, map[string]string{"pki/cluster.json": `{"name": "shop-3"}`})
	asks := func(args ...string) string {
		t.Helper()
		var said bytes.Buffer
		cmd := resetCommand()
		cmd.SetArgs(append(args, "--data-dir", data, "--run-dir", run))
		cmd.SetIn(strings.NewReader("n\n"))
		cmd.SetErr(&said)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		if err := cmd.ExecuteContext(t.Context()); err == nil || err.Error() != "nothing was removed" {
			t.Errorf("%v", err)
		}
		return said.String()
	}
	for _, word := range []string{"shop-3", data, run} {
		if said := asks(); !strings.Contains(said, word+" ") && !strings.Contains(said, word+",") && !strings.Contains(said, word+".") {
			t.Errorf("%q does not name %s", said, word)
		}
	}
	if said := asks("--name", "n7"); !strings.Contains(said, "node n7 ") {
		t.Errorf("%q", said)
	}
	for _, text := range []string{"{", "{}"} {
		write(t, data, map[string]string{"pki/cluster.json": text})
		if name, err := nameOf("", data); err == nil || !strings.Contains(err.Error(), "cluster.json: ") || !strings.Contains(err.Error(), "; say it by --name") {
			t.Errorf("%s: %q, %v", text, name, err)
		}
	}
	host, err := os.Hostname()
	if name, fault := nameOf("", t.TempDir()); err != nil || fault != nil || name != strings.ToLower(host) {
		t.Errorf("%q, %v", name, fault)
	}
}
