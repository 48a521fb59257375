package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/client"
)

// Whoever hangs up ends the command, also when so much was sent that it does not read that nothing more comes through.
func TestHangUpWithInputLeft(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "stay"})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	mark := fmt.Sprintf("begun%d", os.Getpid())
	within, hangUp := context.WithCancel(ctx)
	begun, sent := make(chan struct{}), make(chan struct{})
	go func() { <-begun; <-sent; hangUp() }()
	said, left := false, 2<<20 // more than there is room for on the way from the node to the command
	_, err := s.Asked.Exec(within, "web-0", client.Exec{Command: []string{"/guest", "print", mark, "stay"},
		Stdin: reader(func(b []byte) int {
			if left > 0 && left <= len(b) {
				close(sent)
			}
			left -= len(b)
			return len(b)
		}),
		Stdout: writer(func([]byte) {
			if !said {
				said = true
				close(begun)
			}
		})})
	if !errors.Is(err, context.Canceled) || ctx.Err() != nil {
		t.Fatalf("hung up: %v", err)
	}
	for runs(t, mark) {
		if ctx.Err() != nil {
			t.Fatal("the command goes on")
		}
	}
}

// How a command ended comes also if it did not read what it was sent, of which more and more comes.
func TestEndWithInputLeft(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "stay"})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	for range 20 {
		code, err := s.Asked.Exec(ctx, "web-0", client.Exec{Command: []string{"/guest", "exit", "5"}, Stdin: reader(func(b []byte) int { return len(b) })})
		if err != nil || code != 5 {
			t.Errorf("%d, %v", code, err)
		}
	}
}

type reader func([]byte) int

func (r reader) Read(b []byte) (int, error) { return r(b), nil }

// runs tells whether there is a process on this machine that has that among its arguments.
func runs(t *testing.T, argument string) bool {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file) // a process may have ended meanwhile
		if err == nil && bytes.Contains(line, []byte("\x00"+argument+"\x00")) {
			return true
		}
	}
	return false
}
