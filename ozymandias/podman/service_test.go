package podman_test

import (
	"bufio"
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// child is the process of the machine's service; 0 if there is none.
func child(t *testing.T, m *podmantest.Machine) int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if b, err := os.ReadFile(line); err == nil && strings.HasSuffix(string(b), "\x00unix://"+m.Service.Socket()+"\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(line)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// hear waits until it is told of the death of that container.
func hear(t *testing.T, next func() (string, bool), name string) {
	t.Helper()
	for {
		died, ok := next()
		if !ok {
			t.Fatalf("no death of %s was heard of", name)
		}
		if died == name {
			return
		}
	}
}

// A service that is killed is started anew; containers go on meanwhile, and whoever listens for deaths hears of those, too.
func TestServiceDies(t *testing.T) {
	ctx, p := patient(t), pod(t)
	before, meanwhile, after := container(t, p, "exit 3"), container(t, p, "print here stay"), container(t, p, "print here stay")
	next, stop := iter.Pull(machine.Client.Deaths(ctx, time.Now()))
	defer stop()
	for _, name := range []string{before, meanwhile, after} {
		start(t, name)
	}
	says(t, meanwhile, "here")
	says(t, after, "here")
	hear(t, next, before)
	state := inspect(t, meanwhile)
	killed := child(t, machine)
	if killed == 0 {
		t.Fatal("podman's service does not run")
	}
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(state.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	hear(t, next, meanwhile)
	if pid := child(t, machine); pid == killed || pid == 0 {
		t.Errorf("the service is process %d, and %d was killed", pid, killed)
	}
	if !inspect(t, after).Running() {
		t.Error("a container ended with the service")
	}
	if err := machine.Client.Stop(ctx, after, time.Minute); err != nil {
		t.Fatal(err)
	}
	hear(t, next, after)
}

// A service that is closed, or whose owner is killed, ends; the next one finds what ran.
func TestServiceRestarted(t *testing.T) {
	m := podmantest.New(t)
	ctx := patient(t)
	if err := m.Client.CreatePod(ctx, podman.Pod{Name: "p", CgroupParent: m.Cgroup, Network: m.Network.Name}); err != nil {
		t.Fatal(err)
	}
	c := podman.Container{Name: "c", Pod: "p", Spec: job.Container{Image: podmantest.Image, Command: job.Words{"stay"}}}
	if err := m.Client.CreateContainer(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := m.Client.Start(ctx, c.Name); err != nil {
		t.Fatal(err)
	}
	first, err := m.Client.Container(ctx, c.Name)
	if err != nil {
		t.Fatal(err)
	}
	same := func(what string) {
		t.Helper()
		if now, err := m.Client.Container(ctx, c.Name); err != nil || now.PID != first.PID || !now.Running() {
			t.Errorf("%s: first %+v, then %+v, %v", what, first, now, err)
		}
	}
	m.Service.Close()
	if pid := child(t, m); pid != 0 {
		t.Fatalf("the service was closed and is still process %d", pid)
	}

	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), ownerOf+"="+m.Options.Dir+":"+m.Options.Run)
	said, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(said).ReadString('\n')
	if line != "started\n" {
		t.Errorf("the owner said %q, %v", line, err)
	}
	same("by another owner")
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = owner.Wait()
	for child(t, m) != 0 {
		if ctx.Err() != nil {
			t.Fatal("the service outlives its owner")
		}
	}
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	same("after its owner was killed")
}

// The directory in which the node was started may be removed: what podman runs needs one that is there.
func TestWorkingDirectoryRemoved(t *testing.T) {
	own := podmantest.New(t)
	gone := t.TempDir()
	t.Chdir(gone)
	if err := errors.Join(own.Restart(), os.Remove(gone)); err != nil {
		t.Fatal(err)
	}
	ctx := patient(t)
	p := podman.Pod{Name: "somewhere", Hostname: "web-1", CgroupParent: own.Cgroup, Network: own.Network.Name}
	if err := own.Client.CreatePod(ctx, p); err != nil {
		t.Fatal(err)
	}
	c := podman.Container{Name: "somewhere_main", Pod: p.Name, Spec: job.Container{Image: podmantest.Image, Command: job.Words{"stay"}}}
	if err := own.Client.CreateContainer(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := own.Client.Start(ctx, c.Name); err != nil {
		t.Errorf("%v\npodman said:\n%s", err, own.Said())
	}
}

// What keeps a service from starting is said.
func TestCannotStart(t *testing.T) {
	ctx, dir := patient(t), t.TempDir()
	_, err := podman.Start(ctx, podman.Options{Dir: dir, Run: filepath.Join(dir, strings.Repeat("long", 30))})
	if err == nil || !strings.Contains(err.Error(), "longer than 107 bytes") {
		t.Errorf("a socket's name that is too long: %v", err)
	}
	over, done := context.WithCancel(ctx)
	done()
	if _, err := podman.Start(over, podman.Options{Dir: dir, Run: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that is over: %v", err)
	}
}

// Any answer of the service is one, also that it will not do what it was asked for; no answer is none.
func TestAnswered(t *testing.T) {
	client, nobody := podman.Connect(machine.Options.Socket()), podman.Connect(filepath.Join(t.TempDir(), "none"))
	defer client.Close()
	if at := client.Answered(); !at.IsZero() {
		t.Errorf("before it was asked it has answered at %v", at)
	}
	last := time.Now()
	for what, ask := range map[string]func() error{
		"a list":    func() error { _, err := client.Pods(patient(t), nil); return err },
		"a refusal": func() error { _, err := client.Container(patient(t), "nobody"); return err },
	} {
		err := ask()
		if at := client.Answered(); !at.After(last) {
			t.Errorf("%s (%v) came at %v, after %v", what, err, at, last)
		}
		last = time.Now()
	}
	if err := nobody.Ping(patient(t)); err == nil || !nobody.Answered().IsZero() {
		t.Errorf("nobody has answered: %v at %v", err, nobody.Answered())
	}
}
