// Package etcdtest starts an etcd for a test, and puts a way to it that can be cut between the two.
package etcdtest

import (
	"crypto/tls"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
)

// An Etcd is one for a test, with a way to it that can be cut.
type Etcd struct {
	// Direct and Cuttable are two ways to it.
	Direct, Cuttable *clientv3.Client

	cuttable string // the endpoint of that

	mu   sync.Mutex
	cut  Cut
	open []net.Conn
}

// Start starts an etcd of one member, which ends with the test.
func Start(t *testing.T) *Etcd {
	t.Helper()
	return start(t, "http", "127.0.0.1", nil, nil)
}

// start starts an etcd on a host, set up further by secure.
func start(t *testing.T, scheme, host string, secure func(*embed.Config), client *tls.Config) *Etcd {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.LogLevel = "fatal"
	port, own := url.URL{Scheme: scheme, Host: net.JoinHostPort(host, "0")}, url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{port}, []url.URL{port}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{own}, []url.URL{own}
	config.InitialCluster = config.Name + "=" + own.String()
	if secure != nil {
		secure(config)
	}
	server, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	<-server.Server.ReadyNotify()
	address := server.Clients[0].Addr().String()
	e := &Etcd{}
	e.cuttable = scheme + "://" + e.proxy(t, host, address)
	e.Direct, e.Cuttable = connect(t, scheme+"://"+address, client), connect(t, e.cuttable, client)
	return e
}

func connect(t *testing.T, endpoint string, secure *tls.Config) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, TLS: secure})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// proxy passes connections on, until it is cut: then what is open goes silent, as across a network that loses everything.
func (e *Etcd) proxy(t *testing.T, host, to string) (address string) {
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	var passing sync.WaitGroup
	t.Cleanup(passing.Wait)
	t.Cleanup(func() { listener.Close(); e.hangup() })
	passing.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", to)
			if err != nil {
				near.Close()
				continue
			}
			e.mu.Lock()
			e.open = append(e.open, near, far)
			e.mu.Unlock()
			passing.Go(func() { io.Copy(gate{e, far, Requests}, near) })
			passing.Go(func() { io.Copy(gate{e, near, Answers}, far) })
		}
	})
	return listener.Addr().String()
}

// hangup breaks the connections that go the cuttable way. New ones can be made.
func (e *Etcd) hangup() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, connection := range e.open {
		connection.Close()
	}
	e.open = nil
}

// A Cut is what gets lost on the cuttable way.
type Cut int

// The cuts.
const (
	Requests Cut = 1 << iota
	Answers
	Nothing Cut = 0
	Both        = Requests | Answers
)

// Lose has what goes the cuttable way lost, without a word, as across a network that loses everything. When less is lost than before,
// connections are broken: they have holes in them.
func (e *Etcd) Lose(cut Cut) {
	e.mu.Lock()
	less := e.cut&^cut != 0
	e.cut = cut
	e.mu.Unlock()
	if less {
		e.hangup()
	}
}

// A gate loses what goes through it while the way is cut.
type gate struct {
	e    *Etcd
	to   net.Conn
	what Cut
}

func (g gate) Write(b []byte) (int, error) {
	g.e.mu.Lock()
	cut := g.e.cut
	g.e.mu.Unlock()
	if cut&g.what != 0 {
		return len(b), nil
	}
	return g.to.Write(b)
}
