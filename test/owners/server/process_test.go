package server

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/server/v3/embed"

	"teamtask.dev/client"
	"teamtask.dev/test/address"
)

// server is a List server in a process of its own.
type server struct {
	t    *testing.T
	args []string
	url  string
	log  syncBuffer
	*client.Client

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when the process has ended
	up    *time.Timer   // when it is there again; nil: it is there
	over  bool          // it is not started again
}

// serve starts a server, with more arguments, and waits until it answers.
func serve(t *testing.T, args ...string) *server {
	t.Helper()
	dir, addr := t.TempDir(), address.Free(t)
	s := &server{t: t, url: "http://" + addr, args: append([]string{"serve", "--listen", addr, "--data-dir", dir}, args...)}
	s.start()
	t.Cleanup(func() {
		s.heal()
		s.mu.Lock()
		s.over = true
		s.cmd.Process.Kill()
		ended := s.ended
		s.mu.Unlock()
		<-ended
		if t.Failed() {
			t.Logf("the server at %s:\n%s", s.url, s.log.String())
		}
	})
	eventually(t, "the server has written its token", func() error {
		token, err := os.ReadFile(filepath.Join(dir, "token"))
		if err == nil {
			s.Client = client.New(s.url, strings.TrimSpace(string(token)))
		}
		return err
	})
	t.Cleanup(s.Client.Close)
	return s
}

// start starts the process, and again whenever it ends by itself, as a supervisor would: a server that was stopped for so long that
// others may have taken over ends.
func (s *server) start() {
	cmd := exec.Command(teamtask, s.args...)
	cmd.Stderr = &s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		s.t.Error(err)
		return
	}
	ended := make(chan struct{})
	s.cmd, s.ended = cmd, ended
	go func() {
		cmd.Wait()
		close(ended)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ended == ended && s.up == nil && !s.over {
			s.start()
		}
	}()
}

// down kills or stops the server, for up to so long.
func (s *server) down(sig syscall.Signal, rng *rand.Rand, most time.Duration) string {
	s.heal()
	wait := time.Duration(rng.Int64N(int64(most)))
	if rng.IntN(2) == 0 {
		wait /= 20
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.up = time.AfterFunc(wait, s.heal)
	s.cmd.Process.Signal(sig)
	if sig == syscall.SIGKILL {
		<-s.ended
	}
	return fmt.Sprintf("the server at %s gets %s, and is back after %s", s.url, sig, wait.Round(time.Millisecond))
}

// heal has the server be there, if it is not.
func (s *server) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.up == nil {
		return
	}
	s.up.Stop()
	s.up = nil
	select {
	case <-s.ended:
		s.start()
	default:
		s.cmd.Process.Signal(syscall.SIGCONT)
	}
}

// startEtcd runs an etcd for several servers, and returns its address.
func startEtcd(t *testing.T) string {
	t.Helper()
	at := func() []url.URL { return []url.URL{{Scheme: "http", Host: address.Free(t)}} }
	cfg := embed.NewConfig()
	cfg.Dir = t.TempDir()
	cfg.ListenClientUrls, cfg.ListenPeerUrls = at(), at()
	cfg.AdvertiseClientUrls, cfg.AdvertisePeerUrls = cfg.ListenClientUrls, cfg.ListenPeerUrls
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	cfg.LogLevel, cfg.LogOutputs = "error", []string{os.DevNull}
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(etcd.Close)
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		t.Fatal(err)
	}
	return cfg.ListenClientUrls[0].Host
}
