package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a node cannot be started with is refused before anything is done, with the flag and what to write.
func TestFlags(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*options)
		says string
	}{
		"an address of another machine": {func(o *options) { o.address = "192.0.2.99" }, "--address 192.0.2.99 is not one of this machine's: 127.0.0.1"},
		"no address":                    {func(o *options) { o.address = "here" }, `--address "here": must be an IP address`},
		"no token":                      {func(o *options) { o.join = []string{"n1"} }, "--join needs the token, by --token-file or $OZYMANDIAS_JOIN_TOKEN: ozymandias token join"},
		"no file with it":               {func(o *options) { o.tokenFile = "/nowhere" }, "--token-file: open /nowhere"},
		"a port that is none":           {func(o *options) { o.http = ":99999" }, `--http ":99999": must be :PORT`},
		"a label without a value":       {func(o *options) { o.labels = []string{"ssd"} }, `--label "ssd": must be NAME=VALUE`},
		"a label of the node's own":     {func(o *options) { o.labels = []string{"shared-storage=nas"} }, "--label shared-storage=nas: this label a node gives itself"},
		"too few addresses for pods":    {func(o *options) { o.pods = "10.0.0.0/30" }, "--pods: the network of the pods cannot be 10.0.0.0/30"},
		"no addresses for pods":         {func(o *options) { o.pods = "many" }, `--pods "many": must be a range of addresses`},
		"no size":                       {func(o *options) { o.memory = "much" }, "--memory: \"much\" is not a size"},
		"no number of processors":       {func(o *options) { o.cpus = "all" }, `--cpus: "all" is not a number of processors`},
		"before they are left over":     {func(o *options) { o.keepVolumes = -time.Hour }, "--keep-volumes -1h0m0s: must be 0 or more"},
		"an authority and nobody":       {func(o *options) { o.acmeCA = "ca.pem" }, "need --acme-email"},
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
	if err := os.WriteFile(filepath.Join(o.dataDir, "pki", "cluster.json"), []byte(`{"name": "n1"}`), 0o600); err != nil {
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
