package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The machine's socket is only root's, and one node's: another that is given the same run directory does not take it away from the first.
func TestLocalListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "api.sock")
	first, err := localListener(path)
	if err != nil {
		t.Fatal(err)
	}
	if status, err := os.Stat(path); err != nil || status.Mode().Perm() != 0o600 {
		t.Errorf("it is %v, %v", status, err)
	}
	if _, err := localListener(path); err == nil || !strings.Contains(err.Error(), "another node") {
		t.Errorf("a second one is begun: %v", err)
	}
	connection, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the first one is not reached any more: %v", err)
	}
	connection.Close()
	first.Close()
	// As after a node that was killed, and left it.
	if left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"}); err == nil {
		left.SetUnlinkOnClose(false)
		left.Close()
	}
	next, err := localListener(path)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if left, err := filepath.Glob(filepath.Dir(path) + "/*"); err != nil || len(left) != 1 {
		t.Errorf("there are %q, %v", left, err)
	}
}
