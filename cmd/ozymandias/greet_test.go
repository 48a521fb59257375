package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/test/address"
	"teamtask.dev/test/terminal"
)

// The founder of a cluster says how others join: to a person with the token, where the machine's users cannot read it when it is pasted; to a log
// without.
func TestGreeting(t *testing.T) {
	s := settings{options: options{name: "n1"}, address: address.Host()}
	c, err := cluster.Open(t.Context(), cluster.Options{Name: "n1", Address: s.address, Data: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	token, err := c.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if err := greet(t.Context(), c, s, &log); err != nil || !strings.Contains(log.String(), "--token-file") || strings.Contains(log.String(), token) {
		t.Errorf("%v; a log has: %s", err, &log)
	}
	person, program := terminal.Open(t)
	if err := greet(t.Context(), c, s, program); err != nil {
		t.Fatal(err)
	}
	reading := bufio.NewReader(person)
	_, _ = reading.ReadString('\n')
	want := fmt.Sprintf("  OZYMANDIAS_JOIN_TOKEN=%s ozymandias node --join %s\r\n", token, s.address)
	if line, err := reading.ReadString('\n'); err != nil || line != want {
		t.Errorf("%v; a person is told %q", err, line)
	}
}
