package gateway_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/api/v1alpha1"
)

// apiServer finds the API server's process: a child of this one.
func (s *site) apiServer() (pid int, args []string) {
	s.Helper()
	processes, err := filepath.Glob("/proc/[0-9]*/cmdline")
	s.must(err)
	for _, file := range processes {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		line, _ := os.ReadFile(file)
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		status, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "status"))
		if filepath.Base(args[0]) == "kube-apiserver" && strings.Contains(string(status), fmt.Sprintf("\nPPid:\t%d\n", os.Getpid())) {
			return pid, args
		}
	}
	s.Fatal("there is no API server")
	return 0, nil
}

// down kills the API server and has it stay away for a while.
func (s *site) down(d time.Duration) {
	s.Helper()
	again, err := running.Crash("kube-apiserver")
	s.must(err)
	<-time.After(d)
	s.must(again(s.Context()))
}

// stop stops a process that this one has started. The kernel tells its threads one after the other: it is waited until all stand still.
func (s *site) stop(pid int) {
	s.Helper()
	s.must(syscall.Kill(pid, syscall.SIGSTOP))
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Waitid(unix.P_PID, pid, nil, unix.WSTOPPED, nil)
	}
	s.must(err)
}

// When the API server is away for some seconds, and knows little at first when it is back, workers wait: none ends, and nothing is
// lost.
func TestAPIServerAway(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 8_000_000, quickly)
	token := s.account("worker", "work, get")
	c := d.client(token)
	crew := &crew{T: t, list: "primes", batch: 4}
	wait := crew.start(32, c)
	s.until("much is done", func() bool { return crew.known().Sum() > 2_000_000 })
	s.down(5 * time.Second)
	wait()
	s.until("the list is over", func() bool { return s.list("primes").Status.Phase().Over() })
	crew.audit(s.list("primes"))
	if st := s.list("primes").Status; st.Phase() != v1alpha1.PhaseComplete {
		t.Errorf("%s", st.Phase())
	}
}

// Without the API server there are no answers but that one is to ask again, and that the gateway is not ready.
func TestWithoutAPIServer(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	token := s.account("worker", "work, get")
	pid, _ := s.apiServer()
	s.stop(pid)
	defer syscall.Kill(pid, syscall.SIGCONT)
	for _, c := range [][2]string{{"GET", "/v1/worklists/primes"}, {"POST", "/v1/worklists/primes/blocks/claim"}, {"GET", "/v1/worklists/primes/events"}} {
		if a := d.call(c[0], c[1], token, claim); a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%s %s: %d %s", c[0], c[1], a.status, a.body)
		}
	}
	if a := d.call("GET", "/readyz", "", ""); a.status != http.StatusServiceUnavailable {
		t.Errorf("it says that it is ready: %s", a.body)
	}
	if a := d.call("GET", "/healthz", "", ""); a.status != http.StatusOK {
		t.Errorf("it says that it is not alive: %s", a.body)
	}
}
