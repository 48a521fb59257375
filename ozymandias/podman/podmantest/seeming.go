package podmantest

import (
	"bufio"
	"io"
	"os/exec"
	"syscall"
	"testing"
)

// Seeming begins a shell that has the command line that one of podman's programs would have, and ends with its input, by the code 1; in new namespaces
// of those kinds (syscall.CLONE_NEWPID), if any. It runs when this returns: before that nobody sees what its arguments are.
func Seeming(t *testing.T, namespaces uintptr, program string, arguments ...string) (c *exec.Cmd, end io.Closer) {
	t.Helper()
	c = exec.Command("sh", append([]string{"-c", "echo begun; read line", program}, arguments...)...)
	c.Args[0] = program
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces}
	end, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "begun\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	return c, end
}
