package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cgroup/cgrouptest"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/test/address"
)

// Where the API is to be asked is the node's from before anything of jobs may want it; if it cannot be had, nothing is left behind.
func TestListenAPI(t *testing.T) {
	s := settings{address: address.Host()}
	s.runDir = t.TempDir()
	first, err := listenAPI(s)
	if err != nil {
		t.Fatal(err)
	}
	late, err := net.Listen("tcp", netip.AddrPortFrom(s.address, api.DefaultPort).String())
	if err == nil {
		late.Close()
		t.Error("the port can be had by another one")
	}
	other := s
	other.runDir = t.TempDir()
	if _, err := listenAPI(other); err == nil || !strings.Contains(err.Error(), "is another node running on this machine?") {
		t.Errorf("two have it: %v", err)
	}
	first.close()
	for _, dir := range []string{s.runDir, other.runDir} {
		if _, err := os.Stat(client.Socket(dir)); !os.IsNotExist(err) {
			t.Errorf("a socket is left: %v", err)
		}
	}
	again, err := listenAPI(s)
	if err != nil {
		t.Fatal(err)
	}
	again.close()
}

// Nothing is left running on a node that was deleted while it was cut off, also of what goes on without a lease.
func TestForgotten(t *testing.T) {
	address := address.Host()
	if said, err := exec.Command("ip", "address", "add", address.String()+"/32", "dev", "lo").CombinedOutput(); err != nil {
		t.Fatalf("give the machine an address: %v: %s", err, said)
	}
	t.Cleanup(func() { exec.Command("ip", "address", "del", address.String()+"/32", "dev", "lo").Run() })
	data, run := t.TempDir(), filepath.Join(t.TempDir(), "run")
	c, err := cluster.Open(t.Context(), cluster.Options{Name: "n1", Address: address, Data: data, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Forget(t.Context(), "n1"), c.Close()); err != nil {
		t.Fatal(err)
	}
	own := groupOf("n1", data)
	group, err := cgroup.Find(own)
	if err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(cgrouptest.Root(t), own, "keep")
	if err := os.MkdirAll(kept, 0o755); err != nil {
		t.Fatal(err)
	}
	instance := exec.Command("sleep", "1000")
	if err := instance.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		instance.Process.Kill()
		instance.Wait()
		if err := group.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(kept, "cgroup.procs"), fmt.Append(nil, instance.Process.Pid), 0); err != nil {
		t.Fatal(err)
	}
	for _, says := range []bool{true, false} { // the second time there is nothing to end
		var said bytes.Buffer
		cmd := nodeCommand()
		cmd.SetArgs([]string{"--name", "n1", "--address", address.String(), "--data-dir", data, "--run-dir", run})
		cmd.SetErr(&said)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		ctx, enough := context.WithTimeout(t.Context(), 3*time.Minute)
		err := cmd.ExecuteContext(ctx)
		if enough(); !errors.Is(err, cluster.ErrForgotten) {
			t.Errorf("it ends with %v", err)
		}
		if left, err := group.Processes(); err != nil || len(left) > 0 {
			t.Errorf("processes %v are left, %v", left, err)
		}
		if strings.Contains(said.String(), "what still runs here is ended") != says {
			t.Errorf("it said: %s", &said)
		}
	}
}
