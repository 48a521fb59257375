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
			said, err := os.Create(s.file("said"))
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			cmd.Stderr = said
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			s.reads("started", "")
			cut()
			cmd.Process.Signal(os.Interrupt)
			s.reads("said", "Finishing the commands") // two signals at a time are one
			if end {
				release, err := os.OpenFile(s.file("go"), os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				release.Close()
				s.reads("ended", "")
			}
			cmd.Process.Signal(os.Interrupt)
			second := time.Now()
			err = cmd.Wait()
			text, _ := os.ReadFile(said.Name())
			// To give back takes twice ten seconds, if nobody is in a hurry.
			if d := time.Since(second); cmd.ProcessState.ExitCode() != 130 || d > 9*time.Second {
				t.Errorf("%v, after %v: %s", err, d, text)
			}
		})
	}
}

// reads waits until a file is there that says so.
func (s *story) reads(name, text string) {
	s.Helper()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if b, err := os.ReadFile(s.file(name)); err == nil && strings.Contains(string(b), text) {
			return
		}
		select {
		case <-look.C:
		case <-s.Context().Done():
			s.Fatalf("there is no %s with %q", name, text)
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
