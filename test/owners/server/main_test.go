package server

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

var teamtask, stream string // the built commands

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "16") // they wait more than they compute
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "teamtask-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	teamtask, stream = filepath.Join(dir, "teamtask"), filepath.Join(dir, "stream")
	for bin, from := range map[string]string{teamtask: "teamtask.dev/cmd/teamtask", stream: "teamtask.dev/examples/streams"} {
		if out, err := exec.Command("go", "build", "-o", bin, from).CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build %s: %v\n%s", from, err, out)
			return 1
		}
	}
	return m.Run()
}

// eventually waits until something works.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline, look := time.NewTimer(4*time.Minute), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer look.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("it does not happen that %s: %v", what, err)
		}
	}
}

// syncBuffer is a buffer that a process writes and a test reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
