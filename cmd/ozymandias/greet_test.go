package main

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/cluster"
)

// The founder of a cluster says how others join: to a person with the token, where the machine's users cannot read it when it is pasted; to a log
// without.
func TestGreeting(t *testing.T) {
	pid := os.Getpid()
	s := settings{options: options{name: "n1"}, address: netip.AddrFrom4([4]byte{127, byte(192 + pid>>8&31), byte(pid), 9})}
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
	person, program := terminal(t)
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

// terminal opens one, pty(7): what the person has of it, and what the program has.
func terminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { person.Close() })
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}
