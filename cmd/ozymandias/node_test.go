package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a node cannot be started with is refused before anything is done, with the flag and what to write.
func TestFlags(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*options)
		says string
	}{
		"no address":                 {func(o *options) { o.address = "here" }, `--address "here": must be an IP address`},
		"no token":                   {func(o *options) { o.join = []string{"n1"} }, "--join needs the token, by --token-file or $OZYMANDIAS_JOIN_TOKEN: ozymandias token join"},
		"no file with it":            {func(o *options) { o.tokenFile = "/nowhere" }, "--token-file: open /nowhere"},
		"a port that is none":        {func(o *options) { o.http = ":99999" }, `--http ":99999": must be :PORT`},
		"a label without a value":    {func(o *options) { o.labels = []string{"ssd"} }, `--label "ssd": must be NAME=VALUE`},
		"a label of the node's own":  {func(o *options) { o.labels = []string{"shared-storage=nas"} }, "--label shared-storage=nas: this label a node gives itself"},
		"too few addresses for pods": {func(o *options) { o.pods = "10.0.0.0/30" }, "--pods: the network of the pods cannot be 10.0.0.0/30"},
		"no addresses for pods":      {func(o *options) { o.pods = "many" }, `--pods "many": must be a range of addresses`},
		"no size":                    {func(o *options) { o.memory = "much" }, "--memory: \"much\" is not a size"},
		"no number of processors":    {func(o *options) { o.cpus = "all" }, `--cpus: "all" is not a number of processors`},
		"before they are left over":  {func(o *options) { o.keepVolumes = -time.Hour }, "--keep-volumes -1h0m0s: must be 0 or more"},
		"an authority and nobody":    {func(o *options) { o.acmeCA = "ca.pem" }, "need --acme-email"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{http: ":80", https: ":443"}
			c.set(&o)
			if _, err := o.check(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v\nwant: %s", err, c.says)
			}
		})
	}
}

func TestSettings(t *testing.T) {
	o := options{name: "n1", address: "127.0.0.1", http: ":80", https: "127.0.0.1:443", join: []string{"n2", "192.0.2.7:7000", "[2001:db8::1]"}, token: "t",
		labels: []string{"zone=a", "storage=nas", "url=http://a=b"}, memory: "2G", disk: "10Gi", cpus: "1.5", pods: "10.9.0.0/16"}
	s, err := o.check()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(s.join, " "), "n2:7700 192.0.2.7:7000 [2001:db8::1]:7700"; got != want {
		t.Errorf("asks %s to join, not %s", got, want)
	}
	if s.labels["url"] != "http://a=b" || s.memory != 2e9 || s.disk != 10<<30 || s.cpus != 1500 || s.pods.Bits() != 16 {
		t.Errorf("%+v", s)
	}
}

// A node that has joined starts by the same flags when the token is nowhere any more.
func TestHasJoined(t *testing.T) {
	o := options{address: "127.0.0.1", http: ":80", https: ":443", dataDir: t.TempDir(), join: []string{"n1"}, tokenFile: "/nowhere"}
	if _, err := o.check(); err == nil {
		t.Error("it joins without a token")
	}
	if err := os.Mkdir(filepath.Join(o.dataDir, "pki"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(o.dataDir, "pki", "cluster.json"), []byte(`{"address": "127.0.0.1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := o.check(); err != nil || s.token != "" || s.join != nil {
		t.Errorf("%+v, %v", s, err)
	}
	o.tokenFile, o.token = "", "t"
	if s, err := o.check(); err != nil || s.token != "t" || len(s.join) != 1 {
		t.Errorf("with the token: %+v, %v", s, err)
	}
}

// A node's address stays the same as long as the machine has it. One that is started sooner than its network waits for that, and one that joins,
// too; only a machine that was alone is alone without a network.
func TestAddress(t *testing.T) {
	ours, other, loopback := netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("198.51.100.8"), netip.MustParseAddr("127.0.0.1")
	const network = "ip link set lo up; ip address add 198.51.100.8/32 dev lo; ip route add default dev lo"
	for name, c := range map[string]struct {
		s     settings
		has   string // what the machine has at first
		waits string // what is logged when it waits
		comes string // what it has from then on; "": it is interrupted
		want  netip.Addr
		says  string
	}{
		"first, without a network":  {want: loopback},
		"first":                     {has: network, want: other},
		"given, of another machine": {s: settings{address: ours}, has: network, says: "--address 198.51.100.7 is not one of this machine's: 127.0.0.1"},
		"was alone":                 {s: settings{before: loopback}, want: loopback},
		"was alone, is not now":     {s: settings{before: loopback}, has: network, want: other},
		"joins":                     {s: settings{join: []string{"n1"}}, waits: `before="" error="there is no way to other machines"`, comes: network, want: other},
		"as before":                 {s: settings{before: ours}, has: network + "; ip address add 198.51.100.7/32 dev lo", want: ours},
		"later as before":           {s: settings{before: ours}, waits: "before=198.51.100.7", comes: "ip link set lo up; ip address add 198.51.100.7/32 dev lo", want: ours},
		"later another one":         {s: settings{before: ours}, waits: "before=198.51.100.7", comes: network, want: other},
		"given, later": {s: settings{address: ours, before: ours}, waits: "--address 198.51.100.7 is not one of this machine's",
			comes: "ip link set lo up; ip address add 198.51.100.7/32 dev lo", want: ours},
		"never": {s: settings{before: ours}, waits: "before=198.51.100.7", says: "there is no way to other machines"},
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				runtime.LockOSThread() // and not unlocked: the thread, which has a network of its own, ends with this
				if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
					t.Error(err)
					return
				}
				has := func(script string) {
					if said, err := exec.Command("sh", "-ec", script).CombinedOutput(); err != nil {
						t.Errorf("%s: %v: %s", script, err, said)
					}
				}
				has(c.has)
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				var log strings.Builder
				warned := func(line []byte) {
					if log.Write(line); c.comes == "" {
						interrupt()
					}
					has(c.comes)
				}
				a, err := c.s.awaitAddress(ctx, slog.New(slog.NewTextHandler(writer(warned), nil)))
				if a != c.want && err == nil || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s, %v", a, err)
				}
				if !strings.Contains(log.String(), c.waits) || (log.Len() > 0) != (c.waits != "") || errors.Is(err, context.Canceled) != (ctx.Err() != nil) {
					t.Errorf("%v; it logged %s", err, &log)
				}
			}()
			<-ended
		})
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// Two nodes of one name on one machine do not end each other's instances.
func TestGroups(t *testing.T) {
	if a, b := groupOf("n1", "/tmp/a"), groupOf("n1", "/tmp/b"); a == b || groupOf("n1", defaultDataDir) != "ozymandias/n1" {
		t.Error(a, b)
	}
}

// The token to join with is in a file, which no other user need be able to read, or in the environment, or is given as it is.
func TestJoinToken(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("filed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		variable string
		o        options
		want     string
	}{
		{"", options{}, ""},
		{"set", options{}, "set"},
		{"set", options{token: "given"}, "given"},
		{"set", options{tokenFile: file}, "filed"},
	} {
		t.Setenv(joinTokenVariable, c.variable)
		if got, err := c.o.joinToken(); got != c.want || err != nil {
			t.Errorf("%+v: %q, %v, want %q", c.o, got, err, c.want)
		}
	}
}
