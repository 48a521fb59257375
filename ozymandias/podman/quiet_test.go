package podman_test

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// A conmon that a service has left is waited for, and named when nobody waits any more; one in a container, perhaps of another node there, is not.
func TestQuiet(t *testing.T) {
	o := podman.Options{Dir: t.TempDir()}
	conmon := func(namespaces uintptr) (end func()) {
		c, input := podmantest.Seeming(t, namespaces, "/usr/bin/conmon", "--root", o.Dir+"/storage")
		return func() { input.Close(); _ = c.Wait() }
	}
	defer conmon(syscall.CLONE_NEWPID)()
	if err := podman.Quiet(patient(t), o); err != nil {
		t.Errorf("with one in a container: %v", err)
	}
	end := conmon(0)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := podman.Quiet(over, o); err == nil || !strings.Contains(err.Error(), "/usr/bin/conmon -c") {
		t.Errorf("with one left: %v", err)
	}
	quiet := make(chan error)
	go func() { quiet <- podman.Quiet(patient(t), o) }()
	end()
	if err := <-quiet; err != nil {
		t.Error(err)
	}
}
