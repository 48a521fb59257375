package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/test/address"
)

// The disk fills up under load. The server says so in a sentence and ends; once there is room, it goes on with everything
// that was acknowledged.
func TestAFullDisk(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=100m"); err != nil {
		t.Fatalf("mount a small disk (this needs root): %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	addr := address.Free(t)
	serve := func() (*exec.Cmd, *bytes.Buffer) {
		cmd := exec.Command(teamtask, "serve", "--listen", addr, "--data-dir", filepath.Join(disk, "data"))
		var log bytes.Buffer
		cmd.Stderr = &log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		return cmd, &log
	}
	server, log := serve()
	token := filepath.Join(disk, "data", "token")
	eventually(t, "the server wrote its token", func() bool { _, err := os.Stat(token); return err == nil })
	secret, err := os.ReadFile(token)
	if err != nil {
		t.Fatal(err)
	}
	c := client.New("http://"+addr, strings.TrimSpace(string(secret)))
	defer c.Close()
	c.Patience = patience
	s := &site{t: t, Client: c}
	s.create("long", v1alpha1.WorklistSpec{Size: 1 << 50, Block: v1alpha1.BlockPolicy{Size: 10}})

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var ack acknowledged
	var workers sync.WaitGroup
	for i := range 4 {
		workers.Go(func() { hammer(ctx, c, "long", fmt.Sprintf("w%d", i), &ack) })
	}
	eventually(t, "the workers get on", func() bool {
		ack.mu.Lock()
		defer ack.mu.Unlock()
		return ack.items.Sum() > 1000
	})

	// Another takes all the room there is, and takes it again when the server has freed some.
	ballast := filepath.Join(disk, "ballast")
	full, err := os.Create(ballast)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	chunk := make([]byte, 64<<10)
	for alive := true; alive; {
		full.Write(chunk)
		select {
		case <-ended:
			alive = false
		case <-limit.C:
			t.Fatalf("the server goes on although the disk is full: %s", log)
		default:
		}
	}
	stop()
	workers.Wait()
	if text := log.String(); !strings.Contains(text, "no space left on device") || strings.Contains(text, "goroutine ") {
		t.Errorf("the server ended without a plain word on why:\n%s", text)
	}

	t.Log(log)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	full.Close()
	_, log = serve()
	s.covered(t, &ack)
	if _, err := c.Claim(t.Context(), "long", &v1alpha1.ClaimRequest{Worker: "w"}); err != nil {
		t.Errorf("%v\n%s", err, log)
	}
}
