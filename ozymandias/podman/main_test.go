package podman_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

var machine *podmantest.Machine

func TestMain(m *testing.M) {
	if dirs := os.Getenv(ownerOf); dirs != "" {
		own(dirs)
	}
	podmantest.Main(m, &machine)
}

// ownerOf makes the test's program one that only runs a service, in the two directories that it names, until it is killed.
const ownerOf = "PODMAN_TEST_OWNER_OF"

func own(dirs string) {
	dir, run, _ := strings.Cut(dirs, ":")
	if _, err := podman.Start(context.Background(), podman.Options{Dir: dir, Run: run}); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("started")
	select {}
}

// patient is a context with the patience that a slow machine asks for.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(done)
	return ctx
}

var pods atomic.Int32

// pod makes a pod of this test's own, which goes with it.
func pod(t *testing.T, change ...func(*podman.Pod)) podman.Pod {
	t.Helper()
	test, _, _ := strings.Cut(strings.ToLower(t.Name()), "/")
	name := fmt.Sprintf("%s-%d", test, pods.Add(1))
	p := podman.Pod{Name: name, Hostname: "web-1", CgroupParent: machine.Cgroup, Network: machine.Network.Name, Labels: map[string]string{"pod": name}}
	for _, c := range change {
		c(&p)
	}
	if err := machine.Client.CreatePod(patient(t), p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := machine.Client.RemovePod(context.WithoutCancel(t.Context()), p.Name); err != nil {
			t.Error(err)
		}
	})
	return p
}

// container makes one in a pod.
func container(t *testing.T, p podman.Pod, command string, change ...func(*podman.Container)) string {
	t.Helper()
	c := podman.Container{Name: fmt.Sprintf("%s-c%d", p.Name, pods.Add(1)), Pod: p.Name, Spec: job.Container{Image: podmantest.Image, Command: strings.Fields(command)}}
	for _, change := range change {
		change(&c)
	}
	if err := machine.Client.CreateContainer(patient(t), c); err != nil {
		t.Fatal(err)
	}
	return c.Name
}

// started makes a container in a pod of its own and starts it.
func started(t *testing.T, command string, change ...func(*podman.Container)) string {
	t.Helper()
	name := container(t, pod(t), command, change...)
	start(t, name)
	return name
}

func start(t *testing.T, name string) {
	t.Helper()
	if err := machine.Client.Start(patient(t), name); err != nil {
		t.Fatalf("%v\npodman said:\n%s", err, machine.Said())
	}
}

// says waits until a container has written that line.
func says(t *testing.T, name, text string) {
	t.Helper()
	var read []string
	for line, err := range machine.Client.Logs(patient(t), name, podman.Log{Follow: true}) {
		if err != nil {
			t.Fatalf("container %s has said %q, not %q: %v\npodman said:\n%s", name, read, text, err, machine.Said())
		}
		if line.Text == text {
			return
		}
		read = append(read, line.Text)
	}
	t.Fatalf("container %s has said %q, not %q", name, read, text)
}

// ended waits for the end of a container and returns its state.
func ended(t *testing.T, name string) podman.ContainerState {
	t.Helper()
	if _, err := machine.Client.Wait(patient(t), name); err != nil {
		t.Fatal(err)
	}
	return inspect(t, name)
}

func inspect(t *testing.T, name string) podman.ContainerState {
	t.Helper()
	state, err := machine.Client.Container(patient(t), name)
	if err != nil {
		t.Fatal(err)
	}
	return state
}
