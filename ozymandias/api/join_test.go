package api_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/node/logs"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/test/address"
)

// open opens a node of a real cluster, which ends with the test.
func open(t *testing.T, o cluster.Options) (*cluster.Cluster, error) {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	o.Data, o.Log = t.TempDir(), slog.New(slog.DiscardHandler)
	c, err := cluster.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); c.Run(running) }()
	t.Cleanup(func() { stop(); <-over; c.Close() })
	return c, nil
}

// A node joins by the API of one of the cluster's, if it shows the token.
func TestJoin(t *testing.T) {
	host := address.Host()
	first, err := open(t, cluster.Options{Name: "n1", Address: host})
	if err != nil {
		t.Fatal(err)
	}
	store := state.New(first.Client())
	mirror, err := store.NewMirror(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a, err := api.New(api.Options{Node: "n1", Store: store, Mirror: mirror, Scheduler: &scheduler.Scheduler{Node: "n1", Store: store, Mirror: mirror, Log: slog.New(slog.DiscardHandler)},
		Etcd: first.Client(), Container: func(string, string, string) (string, bool) { return "", false }, Logs: logs.New(t.TempDir()), Peers: first.Dial(), Members: first})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", netip.AddrPortFrom(host, api.DefaultPort).String())
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: a.Remote(), ErrorLog: log.New(io.Discard, "", 0)}
	over := make(chan struct{})
	go func() { defer close(over); server.Serve(tls.NewListener(listener, first.Server())) }()
	t.Cleanup(func() { server.Close(); <-over; a.Close() })

	token, err := first.Token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	joining := cluster.Options{Name: "n2", Address: address.Host(), Join: []string{listener.Addr().String()}, Token: token}
	second, err := open(t, joining)
	if err != nil {
		t.Fatal(err)
	}
	if nodes, err := second.Nodes(t.Context()); err != nil || len(nodes) != 2 {
		t.Errorf("%+v, %v", nodes, err)
	}
	joining.Name, joining.Address = "n1", address.Host()
	if _, err := open(t, joining); err == nil || !strings.Contains(err.Error(), "the name is taken") {
		t.Errorf("with a name that is taken: %v", err)
	}
	renewed := httptest.NewRecorder()
	a.Local().ServeHTTP(renewed, httptest.NewRequest(http.MethodPost, "/v1/join-token", nil))
	if now, err := first.Token(t.Context()); err != nil || now == token || !strings.Contains(renewed.Body.String(), now) {
		t.Errorf("a new token is %s: %v; the API says %s", now, err, renewed.Body)
	}
	joining.Name = "n3"
	if _, err := open(t, joining); err == nil || !strings.Contains(err.Error(), "the token is not valid") {
		t.Errorf("with a token that is void: %v", err)
	}

	// A node's certificate is good for as long as it is a node, and for that machine alone.
	caller := func(as *tls.Config) *client.Client {
		c, err := client.Remote("https://"+listener.Addr().String(), as)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	before := caller(second.Dial())
	if _, err := before.Version(t.Context()); err != nil {
		t.Errorf("a node asks: %v", err)
	}
	gone := httptest.NewRecorder()
	if a.Local().ServeHTTP(gone, httptest.NewRequest(http.MethodDelete, "/v1/nodes/n2", nil)); gone.Code != http.StatusNoContent {
		t.Fatalf("delete the node: %d %s", gone.Code, gone.Body)
	}
	if _, err := before.Version(t.Context()); !client.IsType(err, v1.Unauthenticated) || !strings.Contains(err.Error(), "node n2") {
		t.Errorf("a node that was deleted asks: %v", err)
	}
	if joining.Token, err = first.Token(t.Context()); err != nil {
		t.Fatal(err)
	}
	joining.Name = "n2"
	again, err := open(t, joining)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := caller(again.Dial()).Version(t.Context()); err != nil {
		t.Errorf("another machine of that name asks: %v", err)
	}
	if _, err := before.Version(t.Context()); !client.IsType(err, v1.Unauthenticated) {
		t.Errorf("the first machine of that name asks: %v", err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	odd, err := first.Authority().IssueNode(time.Now(), rsaKey.Public(), "n2", joining.Address)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(odd)
	made := second.Dial()
	made.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return &tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: rsaKey}, nil
	}
	if _, err := caller(made).Version(t.Context()); !client.IsType(err, v1.Unauthenticated) {
		t.Errorf("somebody with the authority's key and another kind of key asks: %v", err)
	}
}
