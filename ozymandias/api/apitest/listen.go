package apitest

import (
	"net"
	"net/http"
	"os"
	"testing"

	"teamtask.dev/ozymandias/client"
)

// Listen has a server answer at the socket of a node's run directory, until the test ends.
func Listen(t *testing.T, server *http.Server) (run string) {
	t.Helper()
	run, err := os.MkdirTemp("", "oz") // short, for the socket's sake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	listener, err := net.Listen("unix", client.Socket(run))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { defer close(over); server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-over })
	return run
}
