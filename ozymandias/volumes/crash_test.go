package volumes_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/volumes"
)

// node makes the test's program a node that does with the volumes in a directory, its first word, what the second says.
const node = "VOLUMES_TEST_NODE"

func TestMain(m *testing.M) {
	if words := os.Getenv(node); words != "" {
		dir, deed, _ := strings.Cut(words, " ")
		if err := act(context.Background(), dir, deed); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func act(ctx context.Context, dir, deed string) error {
	s, err := volumes.Open(ctx, volumes.Options{Dir: dir})
	if err != nil {
		return err
	}
	switch deed {
	case "small":
		_, err = s.Ensure(ctx, small)
	case "large":
		_, err = s.Ensure(ctx, large)
	case "all":
		for err == nil {
			err = cycle(ctx, s)
		}
	}
	return err
}

var small, large = volume("data", mega), volume("data", 10*mega)

// cycle makes a volume larger, and makes, mounts and removes another one.
func cycle(ctx context.Context, s *volumes.Store) error {
	grown := s.All()[slices.IndexFunc(s.All(), func(v schedule.Volume) bool { return v.Name == small.Name })]
	grown.Space += 100_000
	passing := volume("passing", mega)
	for _, do := range []func() error{
		func() error { _, err := s.Ensure(ctx, grown); return err },
		func() error { _, err := s.Ensure(ctx, passing); return err },
		func() error { return s.Close(ctx) },
		func() error { _, err := s.Ensure(ctx, passing); return err },
		func() error { return s.Remove(ctx, passing) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	_, err := fmt.Println("round")
	return err
}

// start starts a node whose PATH begins with a directory, if there is one.
func start(t *testing.T, dir, deed, programs string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), node+"="+dir+" "+deed)
	if programs != "" {
		c.Env = append(c.Env, "PATH="+programs+":"+os.Getenv("PATH"))
	}
	return c
}

// killer is a directory with a program that runs a script, with REAL in it for the program proper, and kills the node after it or before.
func killer(t *testing.T, program, script string) string {
	t.Helper()
	dir := t.TempDir()
	path, err := exec.LookPath(filepath.Join("/usr/sbin", program))
	if err != nil {
		t.Fatal(err)
	}
	script = "#!/bin/sh\n" + strings.NewReplacer("REAL", path+` "$@"`, "KILL", "kill -9 $PPID").Replace(script) + "\n"
	if err := os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A node is killed at each step that takes a program. The next finds what there was before, or what was to be, and can go on.
func TestKilled(t *testing.T) {
	for _, c := range []struct {
		deed, program, script string
		there                 bool // whether the volume was there before
	}{
		{"small", "mkfs.ext4", "KILL", false},
		{"small", "mkfs.ext4", "REAL; KILL", false},
		{"small", "mkfs.ext4", "KILL; REAL", false},
		{"small", "e2fsck", "KILL", true},
		{"small", "e2fsck", "REAL; KILL", true},
		{"large", "e2fsck", "KILL; REAL", true},
		{"large", "e2fsck", "REAL; KILL", true},
		{"large", "resize2fs", "KILL", true},
		{"large", "resize2fs", "KILL; REAL", true},
		{"large", "resize2fs", "REAL; KILL", true},
	} {
		t.Run(strings.Join([]string{c.deed, c.program, c.script}, " "), func(t *testing.T) {
			dir := place(t)
			if c.there {
				s := open(t, dir)
				write(t, ensure(t, s, small)+"/file", "kept")
				if err := s.Close(patient(t)); err != nil {
					t.Fatal(err)
				}
			}
			out, err := start(t, dir, c.deed, killer(t, c.program, c.script)).CombinedOutput()
			if err == nil || err.Error() != "signal: killed" {
				t.Fatalf("the node ended with %v: %s", err, out)
			}
			s := open(t, dir)
			if c.there {
				all(t, s, small)
				has(t, ensure(t, s, small)+"/file", "kept")
			} else {
				all(t, s)
				empty(t, dir)
			}
			path := ensure(t, s, large)
			if c.there {
				has(t, path+"/file", "kept")
			} else {
				empty(t, path)
			}
			if got := room(t, path); got < large.Space {
				t.Errorf("there is room for %d bytes", got)
			}
		})
	}
}

// What a killed node has left at work on a file system, nobody interferes with.
func TestLeftAtWork(t *testing.T) {
	dir, signs := place(t), t.TempDir()
	s := open(t, dir)
	write(t, ensure(t, s, small)+"/file", "kept")
	if err := s.Close(patient(t)); err != nil {
		t.Fatal(err)
	}
	script := fmt.Sprintf("KILL; until [ -e %[1]s/go ]; do sleep 0.05; done; REAL; touch %[1]s/done", signs)
	left := start(t, dir, "large", killer(t, "resize2fs", script))
	if err := left.Run(); err == nil || err.Error() != "signal: killed" {
		t.Fatalf("the node ended with %v", err)
	}
	s = open(t, dir)
	for what, do := range map[string]func(context.Context) error{
		"Ensure": func(ctx context.Context) error { _, err := s.Ensure(ctx, small); return err },
		"Remove": func(ctx context.Context) error { return s.Remove(ctx, small) },
	} {
		soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if err := do(soon); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s() = %v", what, err)
		}
		cancel()
	}
	write(t, signs+"/go", "")
	has(t, ensure(t, s, large)+"/file", "kept")
	if _, err := os.Stat(signs + "/done"); err != nil {
		t.Error(err)
	}
}

// A node is killed again and again, at any moment.
func TestKilledAtAnyMoment(t *testing.T) {
	dir := place(t)
	write(t, ensure(t, open(t, dir), small)+"/file", "kept")
	for range 15 {
		c := start(t, dir, "all", "")
		said, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(said)
		if !lines.Scan() || lines.Text() != "round" {
			t.Fatalf("the node says %q", lines.Text())
		}
		after := time.AfterFunc(rand.N(300*time.Millisecond), func() { _ = c.Process.Kill() })
		for lines.Scan() {
			if lines.Text() != "round" {
				t.Errorf("the node says %q", lines.Text())
			}
		}
		if err := c.Wait(); err.Error() != "signal: killed" {
			t.Errorf("the node ended with %v", err)
		}
		after.Stop()
		s := open(t, dir)
		there := s.All()
		if len(there) < 1 || len(there) > 2 || there[0].Name != small.Name {
			t.Fatalf("there are %+v", there)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != len(there) {
			t.Errorf("there are %v, %v for %+v", entries, err, there)
		}
		for _, v := range there {
			path := ensure(t, s, v)
			if got := room(t, path); got < v.Space-4096 { // less the file
				t.Errorf("%+v has room for %d bytes", v, got)
			}
			if v.Name == small.Name {
				has(t, path+"/file", "kept")
			} else {
				empty(t, path)
			}
		}
	}
}
