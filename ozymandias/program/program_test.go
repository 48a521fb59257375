package program

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// role makes the test's program another one: "tell" says a line of itself and stays, "owner" runs another "tell".
const role = "PROGRAM_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "tell":
		fmt.Printf("%d %s\n", os.Getpid(), strings.Join(os.Args[1:], " "))
		select {}
	case "owner":
		Run(context.Background(), Program{Path: os.Args[0], Env: []string{role + "=tell"}, Output: os.Stdout})
	}
	os.Exit(m.Run())
}

const patience = 2 * time.Minute

// A run is of a program that tells of itself.
type run struct {
	said  *bufio.Scanner
	ended chan error
	stop  func()
}

func start(t *testing.T) *run {
	t.Helper()
	read, write := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	r := &run{said: bufio.NewScanner(read), ended: make(chan error, 10), stop: func() { cancel(); <-over }}
	go func() {
		defer close(over)
		Run(ctx, Program{Path: os.Args[0], Args: []string{"one", "two words"}, Env: []string{role + "=tell"}, Output: write,
			Ended: func(err error) { r.ended <- err }})
		write.Close()
	}()
	t.Cleanup(r.stop)
	return r
}

// pid is that of the next process of the program.
func (r *run) pid(t *testing.T) int {
	t.Helper()
	if !r.said.Scan() {
		t.Fatal("the program says nothing")
	}
	var pid int
	if _, err := fmt.Sscanf(r.said.Text(), "%d one two words", &pid); err != nil {
		t.Fatalf("the program says %q: %v", r.said.Text(), err)
	}
	return pid
}

// gone waits until a process has ended. It may be listed for as long as nobody asks how it did: not every process 1 adopts others.
func gone(t *testing.T, pid int) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return
		}
		if state := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))[0]; state == "Z" || state == "X" { // proc_pid_stat(5)
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("process %d still runs", pid)
		}
	}
}

// A program that ends is started anew, and its owner is told why; it ends when it is no longer wanted.
func TestRun(t *testing.T) {
	r := start(t)
	first := r.pid(t)
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; !strings.Contains(err.Error(), filepath.Base(os.Args[0])+" ended: signal: killed") {
		t.Errorf("the owner was told %v", err)
	}
	second := r.pid(t)
	if second == first {
		t.Errorf("process %d was killed and is said to run", first)
	}
	r.stop()
	gone(t, second)
	if len(r.ended) > 0 {
		t.Errorf("the owner was told of the end that it asked for: %v", <-r.ended)
	}
}

// A program that cannot be started is tried again, too.
func TestCannotStart(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	told := 0
	Run(ctx, Program{Path: filepath.Join(t.TempDir(), "none"), Ended: func(err error) {
		if !strings.Contains(err.Error(), "no such file") {
			t.Errorf("the owner was told %v", err)
		}
		if told++; told == 2 {
			stop()
		}
	}})
}

// A program does not outlive its owner, even one that is killed.
func TestOwnerKilled(t *testing.T) {
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), role+"=owner")
	out, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	if _, err := fmt.Fscanf(out, "%d", &pid); err != nil {
		t.Fatal(err)
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	gone(t, pid)
}

// What ends again and again waits longer each time; what has lasted begins anew.
func TestNext(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct{ last, ran, want time.Duration }{
		{0, 0, 250 * ms}, {250 * ms, 0, 500 * ms}, {500 * ms, 19 * time.Second, time.Second}, {8 * time.Second, 0, 10 * time.Second},
		{10 * time.Second, time.Second, 10 * time.Second}, {10 * time.Second, 20 * time.Second, 250 * ms}, {0, time.Hour, 250 * ms},
	} {
		if got := next(c.last, c.ran); got != c.want {
			t.Errorf("after a wait of %v and a run of %v: %v, want %v", c.last, c.ran, got, c.want)
		}
	}
}

// A program is found beside our own executable before it is found elsewhere, and if it is not it is said how to get it.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	s := Source{Name: "no-such-program", Package: "example.org/cmd/none", Version: "v1.2.3", C: true}
	_, err := s.Find()
	if err == nil || !strings.Contains(err.Error(), ": install it with Go (CGO_ENABLED=1 go install example.org/cmd/none@v1.2.3, then rename none to no-such-program") {
		t.Errorf("Find() = %v", err)
	}
	inPath := put(t, dir, s.Name)
	if found, err := s.Find(); found != inPath {
		t.Errorf("Find() = %s, %v, want %s", found, err, inPath)
	}
	beside := put(t, filepath.Dir(os.Args[0]), s.Name)
	if found, err := s.Find(); found != beside {
		t.Errorf("Find() = %s, %v, want %s", found, err, beside)
	}
}

func put(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
	return path
}
