package test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/test/address"
)

// patience is how long a test waits for what has to happen: seconds on a quiet machine, far more on a busy one.
const patience = 4 * time.Minute

var teamtask string // the built command

func TestMain(m *testing.M) {
	if os.Getenv(poolEnv) != "" {
		os.Exit(beMember())
	}
	dir, err := os.MkdirTemp("", "teamtask-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	teamtask = filepath.Join(dir, "teamtask")
	build := exec.Command("go", "build", "-o", teamtask, "teamtask.dev/cmd/teamtask")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build teamtask:", err)
		os.Exit(1)
	}
	flag.Set("test.parallel", "8") // they wait more than they compute
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// site is a List server in a process of its own, that can be killed and started again on the same data.
type site struct {
	t    *testing.T
	dir  string
	addr string
	args []string
	cmd  *exec.Cmd
	log  *syncBuffer
	*client.Client
}

func newSite(t *testing.T, args ...string) *site {
	t.Helper()
	return newSiteAt(t, address.Free(t), args...)
}

// newSiteAt is newSite with the address to listen on.
func newSiteAt(t *testing.T, addr string, args ...string) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), addr: addr, args: args, log: &syncBuffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.log.String())
		}
	})
	s.start()
	token, err := os.ReadFile(filepath.Join(s.dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	s.Client = client.New("http://"+addr, strings.TrimSpace(string(token)))
	s.Patience = patience
	t.Cleanup(func() {
		s.Client.Close()
		s.kill()
	})
	return s
}

// start starts the server and waits until it answers.
func (s *site) start() {
	s.t.Helper()
	s.cmd = exec.Command(teamtask, append([]string{"serve", "--listen", s.addr, "--data-dir", s.dir}, s.args...)...)
	s.cmd.Stderr = s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	eventually(s.t, "the server listens", func() bool {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
	eventually(s.t, "the server wrote its token", func() bool {
		_, err := os.Stat(filepath.Join(s.dir, "token"))
		return err == nil
	})
}

func (s *site) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// command is a teamtask command against the server.
func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(teamtask, args...)
	cmd.Env = append(os.Environ(), "TEAMTASK_SERVER="+s.URL, "TEAMTASK_TOKEN="+s.Token)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func (s *site) create(name string, spec v1alpha1.WorklistSpec) {
	s.t.Helper()
	wl := &v1alpha1.Worklist{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind},
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
	if _, err := s.Create(context.Background(), wl); err != nil {
		s.t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-deadline.C:
			t.Fatalf("it does not happen that %s", what)
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
