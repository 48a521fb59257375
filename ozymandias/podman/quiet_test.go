package podman_test

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"teamtask.dev/ozymandias/podman"
)

// A conmon that a service has left is waited for, and named when nobody waits any more; one in a container, perhaps of another node there, is not.
func TestQuiet(t *testing.T) {
	o := podman.Options{Dir: t.TempDir()}
	conmon := func(flags uintptr) (end func()) {
		c := exec.Command("sh", "-c", "echo begun; read line", "conmon", "--root", o.Dir+"/storage")
		c.Args[0] = "/usr/bin/conmon"
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		input, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		output, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		end = func() { input.Close(); _ = c.Wait() }
		t.Cleanup(end)
		if said, err := bufio.NewReader(output).ReadString('\n'); err != nil {
			t.Fatal(said, err)
		}
		return end
	}
	conmon(syscall.CLONE_NEWPID)
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
