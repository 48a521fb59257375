package podman_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// How a container ended is told with its exit code.
func TestExitCode(t *testing.T) {
	for command, want := range map[string]int{"exit 0": 0, "exit 7": 7, "stay-not-a-word": 111} {
		t.Run(command, func(t *testing.T) {
			name := started(t, command)
			code, err := machine.Client.Wait(patient(t), name)
			if err != nil || code != want {
				t.Errorf("Wait() = %d, %v, want %d", code, err, want)
			}
			state := inspect(t, name)
			if state.Running() || state.ExitCode != want || state.OutOfMemory || state.PID != 0 || state.Finished.IsZero() {
				t.Errorf("it is %+v", state)
			}
		})
	}
}

// A container that uses more memory than it may is killed, and it is told why. One that was merely killed was not out of memory.
func TestMemory(t *testing.T) {
	limited := func(c *podman.Container) { c.Spec.Memory = 32 << 20 }
	name := started(t, "print before wait eat 100000000 print after stay", limited)
	says(t, name, "before")
	if state := inspect(t, name); !state.Running() || state.OutOfMemory {
		t.Fatalf("before it takes the memory it is %+v", state)
	}
	if err := machine.Client.Signal(patient(t), name, "SIGTERM"); err != nil {
		t.Fatal(err)
	}
	if state := ended(t, name); state.ExitCode != 137 || !state.OutOfMemory {
		t.Errorf("it is %+v", state)
	}
	within := started(t, "eat 8000000 print after stay", limited)
	says(t, within, "after")
	if err := machine.Client.Signal(patient(t), within, "SIGKILL"); err != nil {
		t.Fatal(err)
	}
	if state := ended(t, within); state.ExitCode != 137 || state.OutOfMemory {
		t.Errorf("the one that kept within its memory is %+v", state)
	}
}

// What a job says of a container, and what the node adds, is what it gets.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("xyzzy\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := started(t, "env BOTH env JOBS read /secrets/secret write /data/new stay", func(c *podman.Container) {
		c.Spec.Environment = job.Environment{"BOTH": "the job's", "JOBS": "a b=c"}
		c.Environment = map[string]string{"BOTH": "the node's"}
		c.Labels = map[string]string{"ozymandias.job": "web"}
		c.Spec.ReadOnly = true
		c.Mounts = []podman.Mount{{Source: dir, Target: "/secrets", ReadOnly: true}, {Source: dir, Target: "/data"}}
	})
	says(t, name, "xyzzy")
	state := inspect(t, name)
	if state.Labels["ozymandias.job"] != "web" || state.PID == 0 || state.Name != name {
		t.Errorf("it is %+v", state)
	}
	var lines []string
	for line, err := range machine.Client.Logs(patient(t), name, podman.Log{}) {
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line.Text)
	}
	if got := strings.Join(lines, "|"); got != "the node's|a b=c|xyzzy" {
		t.Errorf("it said %q", got)
	}
	if state := started(t, "write /new", func(c *podman.Container) { c.Spec.ReadOnly = true }); ended(t, state).ExitCode != 111 {
		t.Error("a read-only container wrote to its root")
	}
	readOnly := started(t, "write /secrets/new", func(c *podman.Container) {
		c.Mounts = []podman.Mount{{Source: dir, Target: "/secrets", ReadOnly: true}}
	})
	if ended(t, readOnly).ExitCode != 111 {
		t.Error("a container wrote to a mount that is read-only")
	}
}

// Stop asks first, by the container's own signal, and kills only what does not listen.
func TestStop(t *testing.T) {
	ctx := patient(t)
	t.Run("by its signal", func(t *testing.T) {
		name := started(t, "print here stay")
		says(t, name, "here")
		if err := machine.Client.Stop(ctx, name, time.Minute); err != nil {
			t.Fatal(err)
		}
		if state := inspect(t, name); state.Running() || state.ExitCode != 0 {
			t.Errorf("it is %+v", state)
		}
		if err := machine.Client.Stop(ctx, name, time.Minute); err != nil {
			t.Errorf("stop what has ended: %v", err)
		}
	})
	t.Run("by another signal", func(t *testing.T) {
		name := started(t, "print here stay", func(c *podman.Container) { c.Spec.StopSignal = "SIGUSR1" })
		says(t, name, "here")
		if err := machine.Client.Stop(ctx, name, time.Minute); err != nil {
			t.Fatal(err)
		}
		if state := inspect(t, name); state.ExitCode != 10 {
			t.Errorf("it is %+v", state)
		}
	})
	t.Run("one that does not listen", func(t *testing.T) {
		name := started(t, "deaf print here stay")
		says(t, name, "here")
		if err := machine.Client.Stop(ctx, name, 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if state := inspect(t, name); state.Running() || state.ExitCode != 137 {
			t.Errorf("it is %+v", state)
		}
	})
	t.Run("one that does not listen, and is killed by another meanwhile", func(t *testing.T) {
		name := started(t, "deaf print here stay")
		says(t, name, "here")
		stopped := make(chan error)
		go func() { stopped <- machine.Client.Stop(ctx, name, time.Hour) }()
		if err := machine.Client.Signal(ctx, name, "SIGKILL"); err != nil {
			t.Fatal(err)
		}
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
	})
	t.Run("one that is not there", func(t *testing.T) {
		if err := machine.Client.Stop(ctx, "nobody", time.Minute); err != nil {
			t.Error(err)
		}
	})
	t.Run("no longer than its context", func(t *testing.T) {
		name := started(t, "deaf print here stay")
		says(t, name, "here")
		soon, done := context.WithTimeout(ctx, 50*time.Millisecond)
		defer done()
		if err := machine.Client.Stop(soon, name, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Stop() = %v", err)
		}
		if !inspect(t, name).Running() {
			t.Error("it was killed before its grace was over")
		}
	})
}

// A container that has ended can be started again, and is the same one.
func TestStartAgain(t *testing.T) {
	name := started(t, "print here exit 3")
	first := ended(t, name)
	start(t, name)
	if again := ended(t, name); again.ID != first.ID || again.ExitCode != 3 || !again.Started.After(first.Started) {
		t.Errorf("first %+v, then %+v", first, again)
	}
}

// What was not to be is told apart by errors.
func TestContainerErrors(t *testing.T) {
	ctx, p := patient(t), pod(t)
	name := container(t, p, "exit 0")
	spec := func(change func(*podman.Container)) error {
		c := podman.Container{Name: "other", Pod: p.Name, Spec: job.Container{Image: podmantest.Image}}
		change(&c)
		return machine.Client.CreateContainer(ctx, c)
	}
	_, inspected := machine.Client.Container(ctx, "nobody")
	_, waited := machine.Client.Wait(ctx, "nobody")
	for what, got := range map[string]struct{ err, want error }{
		"a name that is taken":       {spec(func(c *podman.Container) { c.Name = name }), podman.ErrExists},
		"an image that is not there": {spec(func(c *podman.Container) { c.Spec.Image = "localhost/nothing:1" }), podman.ErrNotFound},
		"a pod that is not there":    {spec(func(c *podman.Container) { c.Pod = "nothing" }), podman.ErrNotFound},
		"start what is not there":    {machine.Client.Start(ctx, "nobody"), podman.ErrNotFound},
		"inspect what is not there":  {inspected, podman.ErrNotFound},
		"wait for what is not there": {waited, podman.ErrNotFound},
		"signal what is not there":   {machine.Client.Signal(ctx, "nobody", "SIGTERM"), podman.ErrNotFound},
		"signal what does not run":   {machine.Client.Signal(ctx, name, "SIGTERM"), podman.ErrState},
	} {
		if !errors.Is(got.err, got.want) {
			t.Errorf("%s: %v, want %v", what, got.err, got.want)
		}
	}
	err := spec(func(c *podman.Container) { c.Spec.StopSignal = "SIGNAL" })
	if err == nil || !strings.Contains(err.Error(), `there is no signal "SIGNAL"`) {
		t.Errorf("a signal there is not: %v", err)
	}
}

// A program that is not in the image is told of when the container is started.
func TestNoProgram(t *testing.T) {
	name := container(t, pod(t), "", func(c *podman.Container) { c.Spec.Entrypoint = job.Words{"/nothing"} })
	err := machine.Client.Start(patient(t), name)
	if err == nil || !strings.Contains(err.Error(), "/nothing") {
		t.Errorf("Start() = %v", err)
	}
}

// What containers use is told by their ids, also when some do not run.
func TestStats(t *testing.T) {
	name := started(t, "eat 8000000 print here stay", func(c *podman.Container) { c.Spec.Memory = 64 << 20 })
	says(t, name, "here")
	over := started(t, "exit 0")
	ended(t, over)
	id := inspect(t, name).ID
	stats, err := machine.Client.Stats(patient(t), name)
	if err != nil || stats[id].Memory < 8_000_000 || stats[id].CPU <= 0 {
		t.Errorf("Stats() = %v, %v", stats, err)
	}
	if stats, err := machine.Client.Stats(patient(t), over); err != nil || len(stats) > 0 && stats[inspect(t, over).ID].Memory != 0 {
		t.Errorf("Stats() of what has ended = %v, %v", stats, err)
	}
}

// A file of a container can be read whether the container runs or not.
func TestReadFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/file", []byte("here"), 0o600); err != nil {
		t.Fatal(err)
	}
	name := container(t, pod(t), "stay", func(c *podman.Container) {
		c.Spec.User = "12:34"
		c.Mounts = []podman.Mount{{Source: dir, Target: "/small"}}
	})
	if b, err := machine.Client.ReadFile(patient(t), name, "/small/file"); err != nil || string(b) != "here" {
		t.Errorf("ReadFile(/small/file) = %q, %v", b, err)
	}
	// A program is no file to be read as a whole.
	if b, err := machine.Client.ReadFile(patient(t), name, "/guest"); err == nil || !strings.Contains(err.Error(), "longer than 1048576 bytes") {
		t.Errorf("ReadFile(/guest) = %d bytes, %v", len(b), err)
	}
	for _, path := range []string{"/etc/passwd", "/"} {
		if _, err := machine.Client.ReadFile(patient(t), name, path); !errors.Is(err, podman.ErrNotFound) {
			t.Errorf("ReadFile(%s) = %v", path, err)
		}
	}
	if user := inspect(t, name).User; user != "12:34" {
		t.Errorf("it runs as %q", user)
	}
}

// Podman is told of a container's end by conmon. If that was killed, or had no disk to write to, podman takes the container to run for ever;
// the kernel knows better, and then it can be started again.
func TestNobodyTellsOfAnEnd(t *testing.T) {
	ctx := patient(t)
	name := started(t, "stay")
	state, err := machine.Client.Container(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	endUntold(t, state)
	for state.Running() {
		if state, err = machine.Client.Container(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if state.ExitCode != 255 || state.Finished.IsZero() {
		t.Errorf("it has ended with %d at %s", state.ExitCode, state.Finished)
	}
	start(t, name)
	if state, err = machine.Client.Container(ctx, name); err != nil || !state.Running() {
		t.Errorf("started again, it is %s, %v", state.Status, err)
	}
}

// Conmon may have begun to tell, and had no disk to write to: podman finds no code where it looks for one, and would list nothing any more.
func TestHalfTheTaleOfAnEnd(t *testing.T) {
	ctx := patient(t)
	name := started(t, "stay")
	state, err := machine.Client.Container(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(machine.Options.Run, "libpod", "exits", state.ID), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	endUntold(t, state)
	if _, err := machine.Client.Pods(ctx, nil); err != nil {
		t.Error(err)
	}
	if state, err = machine.Client.Container(ctx, name); err != nil || state.Running() || state.ExitCode != 255 {
		t.Errorf("it is %s with %d, %v", state.Status, state.ExitCode, err)
	}
	start(t, name)
	if state, err = machine.Client.Container(ctx, name); err != nil || !state.Running() {
		t.Errorf("started again, it is %s, %v", state.Status, err)
	}
}

// endUntold kills a container, and before that its conmon, who would tell.
func endUntold(t *testing.T, c podman.ContainerState) {
	t.Helper()
	found, err := exec.Command("pgrep", "--full", "conmon .*-c "+c.ID).Output()
	if err != nil {
		t.Fatal(err)
	}
	conmon, err := strconv.Atoi(strings.TrimSpace(string(found)))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{conmon, c.PID} {
		process, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(process)
		if err := unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil {
			t.Fatal(err)
		}
		// Until it has ended it is taken for one that runs, and conmon for one that might tell after all.
		for err = unix.EINTR; errors.Is(err, unix.EINTR); {
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(process), Events: unix.POLLIN}}, -1)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
