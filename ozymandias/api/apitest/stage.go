package apitest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node/logs"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/seal"
	"teamtask.dev/ozymandias/secrets"
)

// Remote serves an API to other machines, at 127.0.0.1. Its node is one of the members then; self is how it shows itself to others.
func (c *Cluster) Remote(o api.Options, authority *pki.Authority) (url string, self *tls.Config) {
	c.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.Fatal(err)
	}
	return "https://" + listener.Addr().String(), c.remote(o, authority, listener)
}

// remote is Remote at a listener, which is closed in the end.
func (c *Cluster) remote(o api.Options, authority *pki.Authority, listener net.Listener) (self *tls.Config) {
	c.Helper()
	key, err := pki.NewKey()
	if err != nil {
		c.Fatal(err)
	}
	certificate, err := authority.IssueNode(time.Now(), key.Public(), o.Node, netip.MustParseAddrPort(listener.Addr().String()).Addr())
	if err != nil {
		c.Fatal(err)
	}
	identity, err := pki.NewIdentity(authority, key, certificate)
	if err != nil {
		c.Fatal(err)
	}
	c.Members.enter(o.Node, identity.Certificate())
	o.Peers = identity.Client()
	a, err := api.New(o)
	if err != nil {
		c.Fatal(err)
	}
	config := identity.Server()
	config.NextProtos = []string{"http/1.1"}
	server := &http.Server{Handler: a.Remote(), ErrorLog: log.New(io.Discard, "", 0)}
	over := make(chan struct{})
	go func() { defer close(over); server.Serve(tls.NewListener(listener, config)) }()
	c.Cleanup(func() { server.Close(); <-over; a.Close() })
	return identity.Client()
}

// A Stage is two nodes: n1, which is asked, and n2, which has the instance, with a real podman.
type Stage struct {
	*Cluster
	Asked   *client.Client
	Run     string // directory of its socket
	Machine *podmantest.Machine
	Logs    *logs.Store // of n2
}

// NewStage has the containers of job "web" run on n2, each with the words that the program in it is told.
func NewStage(t *testing.T, containers map[string]string) *Stage {
	t.Helper()
	cluster := New(t)
	machine := podmantest.New(t)
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	there := cluster.Options()
	there.Node, there.Podman, there.Port = "n2", machine.Client, port
	there.Container = func(uid, id, container string) (string, bool) { return "web-" + id + "-" + container, id == "0" }
	config := cluster.remote(there, authority, listener)
	here := cluster.Options()
	here.Peers, here.Port = config, port
	here.Images = images.New(images.Options{Podman: machine.Client, Etcd: cluster.Etcd, Node: "n1"})
	if here.Secrets, err = secrets.Open(cluster.Etcd, make([]byte, seal.KeySize), secrets.VaultOptions{}); err != nil {
		t.Fatal(err)
	}
	here.Authority = authority
	run, asked := cluster.Serve(here)
	cluster.Node("n2", "127.0.0.3", 4e9)

	file := "name: web\ncontainers:\n"
	pod := podman.Pod{Name: "web-0", Hostname: "web-0", CgroupParent: machine.Cgroup, Network: machine.Network.Name}
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	if err := machine.Client.CreatePod(ctx, pod); err != nil {
		t.Fatal(err)
	}
	for name, words := range containers {
		file += fmt.Sprintf("  %s: {image: x, memory: 64Mi}\n", name)
		c := podman.Container{Name: "web-0-" + name, Pod: "web-0", Spec: job.Container{Image: podmantest.Image, Command: strings.Fields(words)}}
		if err := errors.Join(machine.Client.CreateContainer(ctx, c), machine.Client.Start(ctx, c.Name)); err != nil {
			t.Fatalf("%v\npodman said:\n%s", err, machine.Said())
		}
	}
	if _, err := asked.Apply(ctx, "web.yaml", []byte(file), client.Room{}); err != nil {
		t.Fatal(err)
	}
	cluster.Settle()
	return &Stage{cluster, asked, run, machine, there.Logs}
}
