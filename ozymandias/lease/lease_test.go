package lease_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"

	"teamtask.dev/ozymandias/lease"
)

// An etcd with a way to it that can be cut.
type etcd struct {
	*testing.T
	direct, cuttable *clientv3.Client

	mu   sync.Mutex
	cut  bool
	open []net.Conn
}

func start(t *testing.T) *etcd {
	t.Helper()
	config := embed.NewConfig()
	config.Dir = t.TempDir()
	config.LogLevel = "fatal"
	port := url.URL{Scheme: "http", Host: "127.0.0.1:0"}
	config.ListenClientUrls, config.AdvertiseClientUrls = []url.URL{port}, []url.URL{port}
	config.ListenPeerUrls, config.AdvertisePeerUrls = []url.URL{port}, []url.URL{port}
	config.InitialCluster = config.Name + "=" + port.String()
	server, err := embed.StartEtcd(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	<-server.Server.ReadyNotify()
	address := server.Clients[0].Addr().String()
	e := &etcd{T: t, direct: connect(t, address)}
	e.cuttable = connect(t, e.proxy(address))
	return e
}

func connect(t *testing.T, address string) *clientv3.Client {
	t.Helper()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{address}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

// proxy passes connections on, until it is cut: then what is open goes silent, as across a network that loses everything.
func (e *etcd) proxy(to string) (address string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.Fatal(err)
	}
	var passing sync.WaitGroup
	e.Cleanup(passing.Wait)
	e.Cleanup(func() { listener.Close(); e.close() })
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
			passing.Go(func() { io.Copy(gate{e, far}, near) })
			passing.Go(func() { io.Copy(gate{e, near}, far) })
		}
	})
	return listener.Addr().String()
}

func (e *etcd) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, connection := range e.open {
		connection.Close()
	}
}

func (e *etcd) set(cut bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cut = cut
}

// A gate loses what goes through it while the way is cut.
type gate struct {
	e  *etcd
	to net.Conn
}

func (g gate) Write(b []byte) (int, error) {
	g.e.mu.Lock()
	cut := g.e.cut
	g.e.mu.Unlock()
	if cut {
		return len(b), nil
	}
	return g.to.Write(b)
}

// keep keeps a lease, and returns its stages as they come, and how the keeping ends.
func keep(ctx context.Context, l *lease.Lease) (renewed <-chan struct{}, stages <-chan lease.Stage, ended <-chan error) {
	r, s, e := make(chan struct{}, 1000), make(chan lease.Stage, 10), make(chan error, 1)
	go func() {
		e <- l.Keep(ctx, func() { r <- struct{}{} }, func(stage lease.Stage) { s <- stage })
	}()
	return r, s, e
}

// A node that cannot reach etcd is told to stop, to kill, and that the lease is gone, in this order; and a later process of it cannot
// take up the lease again.
func TestCutOff(t *testing.T) {
	e := start(t)
	l, err := lease.Grant(t.Context(), e.cuttable, 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	renewed, stages, ended := keep(t.Context(), l)
	<-renewed
	<-renewed
	if l.Stage() != lease.Held {
		t.Fatalf("the stage is %v, as renewals are answered", l.Stage())
	}
	e.set(true)
	for _, want := range []lease.Stage{lease.Stop, lease.Kill, lease.Gone} {
		if got := <-stages; got != want {
			t.Fatalf("the stage became %v, want %v", got, want)
		}
	}
	if err := <-ended; !errors.Is(err, lease.ErrGone) {
		t.Errorf("Keep() = %v", err)
	}
	// etcd looks for leases that have run out twice a second.
	for {
		left, err := e.direct.TimeToLive(t.Context(), l.ID)
		if err != nil {
			t.Fatal(err)
		}
		if left.TTL < 0 {
			break
		}
	}
	if _, err := lease.Resume(t.Context(), e.direct, l.ID); !errors.Is(err, lease.ErrGone) {
		t.Errorf("Resume() = %v", err)
	}
}

// etcd may end a lease for its own reasons, such as an administrator's: the node hears of it at its next renewal.
func TestRevoked(t *testing.T) {
	e := start(t)
	l, err := lease.Grant(t.Context(), e.cuttable, 4*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	_, _, ended := keep(t.Context(), l)
	if _, err := e.direct.Revoke(t.Context(), l.ID); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, lease.ErrGone) {
		t.Errorf("Keep() = %v", err)
	}
}

// A process that comes back in time has the same lease, with a time to live that etcd knows of.
func TestResume(t *testing.T) {
	e := start(t)
	first, err := lease.Grant(t.Context(), e.direct, 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	again, err := lease.Resume(t.Context(), e.direct, first.ID)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID != first.ID || again.TTL != first.TTL {
		t.Errorf("resumed %x for %v, want %x for %v", again.ID, again.TTL, first.ID, first.TTL)
	}
	if again.Until() < first.Until() {
		t.Error("the resumed lease ends before the first")
	}
}

// Keep ends with its context, and leaves the lease alive.
func TestLeave(t *testing.T) {
	e := start(t)
	l, err := lease.Grant(t.Context(), e.direct, 60*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, _, ended := keep(ctx, l)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Keep() = %v", err)
	}
	if left, err := e.direct.TimeToLive(t.Context(), l.ID); err != nil || left.TTL <= 0 {
		t.Errorf("the lease has %+v left, %v", left, err)
	}
}
