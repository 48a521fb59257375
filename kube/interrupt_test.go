package kube_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A second Ctrl-C ends a worker at once, also where the API server is away and nothing can be given back.
func TestWorkInterrupted(t *testing.T) {
	for name, end := range map[string]bool{"while its command runs": false, "while it gives back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := tell(t, list("{size: 3, block: {size: 3}}"))
			kubeconfig, cut := s.line()
			if err := syscall.Mkfifo(s.file("go"), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := s.work("list", "-j1", "--kubeconfig", kubeconfig, "--", "sh", "-c", "echo >started; cat go; echo >ended; : {}")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			s.appears("started")
			cut()
			cmd.Process.Signal(os.Interrupt)
			if end {
				release, err := os.OpenFile(s.file("go"), os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				release.Close()
				s.appears("ended")
			}
			cmd.Process.Signal(os.Interrupt)
			second := time.Now()
			if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 130 {
				t.Errorf("%v: %v", err, cmd.Stderr)
			}
			if d := time.Since(second); d > 9*time.Second { // to give back takes twice ten seconds, if nobody is in a hurry
				t.Errorf("it took %v: %v", d, cmd.Stderr)
			}
		})
	}
}

// appears waits for a file.
func (s *story) appears(name string) {
	s.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if _, err := os.Stat(s.file(name)); err == nil {
			return
		}
		select {
		case <-look.C:
		case <-s.Context().Done():
			s.Fatalf("there is no %s", name)
		}
	}
}

// line is a way of its own to the API server, and what cuts it.
func (s *story) line() (kubeconfig string, cut func()) {
	s.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { l.Close() })
	gone := make(chan struct{})
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", strings.TrimPrefix(apiServer.URL, "https://"))
			if err != nil {
				near.Close()
				continue
			}
			go io.Copy(near, far)
			go io.Copy(far, near)
			go func() {
				<-gone
				near.Close()
				far.Close()
			}()
		}
	}()
	text, err := os.ReadFile(workers)
	if err != nil {
		s.Fatal(err)
	}
	kubeconfig = s.file("kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(strings.ReplaceAll(string(text), apiServer.URL, fmt.Sprint("https://", l.Addr()))), 0o600); err != nil {
		s.Fatal(err)
	}
	return kubeconfig, func() {
		l.Close()
		close(gone)
	}
}
