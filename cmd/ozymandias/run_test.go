package main

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/client"
)

// Where the API is to be asked is the node's from before anything of jobs may want it; if it cannot be had, nothing is left behind.
func TestListenAPI(t *testing.T) {
	s := settings{address: netip.MustParseAddr("127.0.0.77")}
	s.runDir = t.TempDir()
	first, err := listenAPI(s)
	if err != nil {
		t.Fatal(err)
	}
	late, err := net.Listen("tcp", net.JoinHostPort("127.0.0.77", strconv.Itoa(api.DefaultPort)))
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
