package ingress

import (
	"context"
	"iter"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"teamtask.dev/ozymandias/ingress/routes"
)

const (
	// sparedFor is how long an address that could not be reached, or was lost, is given nothing while there are others.
	sparedFor = 5 * time.Second
	// pooledFor is how long a connection without a request is kept. Node.js closes such after 5 s, the shortest among common
	// servers: a request that was sent at that moment is lost, and not all can be sent again.
	pooledFor = 4 * time.Second
	// attempts is how many instances a request or connection is tried on.
	attempts = 3
)

// A backend is an address of an instance.
type backend struct {
	address    string
	http, grpc *http.Transport // of its own, so that connections can be closed when the address goes
	underway   atomic.Int64
	spared     atomic.Pointer[time.Time] // until when, if at all
	gone       atomic.Bool               // from the table
}

func newBackend(address string) *backend {
	b := &backend{address: address, http: newTransport(), grpc: newTransport()}
	b.grpc.Protocols = new(http.Protocols)
	b.grpc.Protocols.SetUnencryptedHTTP2(true)
	return b
}

func newTransport() *http.Transport {
	return &http.Transport{
		DialContext: dial, DisableCompression: true, MaxIdleConnsPerHost: 256, IdleConnTimeout: pooledFor,
		ExpectContinueTimeout: time.Second, MaxResponseHeaderBytes: 1 << 20,
	}
}

// transport is the one for a request: gRPC is by HTTP/2 only, and all else gets what every server understands.
func (b *backend) transport(r *http.Request) *http.Transport {
	if rest, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/grpc"); ok && r.ProtoMajor == 2 && (rest == "" || rest[0] == '+' || rest[0] == ';') {
		return b.grpc
	}
	return b.http
}

// closeIdle closes the connections that no request is on.
func (b *backend) closeIdle() {
	b.http.CloseIdleConnections()
	b.grpc.CloseIdleConnections()
}

// failed takes in that no connection came about, or that it was lost; worked that one did.
func (b *backend) failed() { b.spared.Store(new(time.Now().Add(sparedFor))) }
func (b *backend) worked() {
	if b.spared.Load() != nil { // or all processors would write there with each request
		b.spared.Store(nil)
	}
}

func (b *backend) isSpared() bool {
	until := b.spared.Load()
	return until != nil && time.Now().Before(*until)
}

// leave ends a request to it.
func (b *backend) leave() {
	b.underway.Add(-1)
	if b.gone.Load() {
		b.closeIdle() // the one of the request is now among them
	}
}

// dial connects to it.
func (b *backend) dial(ctx context.Context) (*net.TCPConn, error) {
	c, err := dial(ctx, "tcp", b.address)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), nil
}

// A table is a [routes.Table] with a backend for each address.
type table struct {
	routes.Table
	backends map[netip.AddrPort]*backend
}

// next is the table that follows. Addresses that stay keep their backends; of those that go, connections are closed as soon as no
// request is on them.
func (t *table) next(to routes.Table) *table {
	n := &table{to, map[netip.AddrPort]*backend{}}
	for r := range n.routes() {
		for _, a := range r.Addresses {
			switch {
			case n.backends[a] != nil:
			case t.backends[a] != nil:
				n.backends[a] = t.backends[a]
			default:
				n.backends[a] = newBackend(a.String())
			}
		}
	}
	for a, b := range t.backends {
		if n.backends[a] == nil {
			b.gone.Store(true)
			b.closeIdle()
		}
	}
	return n
}

func (t *table) close() {
	for _, b := range t.backends {
		b.closeIdle()
	}
}

// routes are all that it has, by host and by port.
func (t *table) routes() iter.Seq[routes.Route] {
	return func(yield func(routes.Route) bool) {
		for _, site := range t.Hosts {
			for _, r := range site.Routes {
				if !yield(r) {
					return
				}
			}
		}
		for _, r := range t.Ports {
			if !yield(r) {
				return
			}
		}
	}
}

// jobs are the names of those that have a route.
func (t *table) jobs() map[string]bool {
	all := map[string]bool{}
	for r := range t.routes() {
		all[r.Job] = true
	}
	return all
}

// pick chooses a backend of a route that was not tried yet: of two at random the one with less under way; nil if all were tried.
func (t *table) pick(r routes.Route, tried []*backend) *backend {
	if len(r.Addresses) == 0 {
		return nil
	}
	fit := func(b *backend) bool { return !b.isSpared() && !slices.Contains(tried, b) }
	if one, other := t.two(r.Addresses); fit(one) && fit(other) {
		return lighter(one, other)
	}
	var fits, spared []netip.AddrPort
	for _, a := range r.Addresses {
		if b := t.backends[a]; fit(b) {
			fits = append(fits, a)
		} else if !slices.Contains(tried, b) {
			spared = append(spared, a)
		}
	}
	if len(fits) == 0 {
		fits = spared // one that may fail is better than none
	}
	if len(fits) == 0 {
		return nil
	}
	return lighter(t.two(fits))
}

// two takes two backends at random; they are the same if there is only one.
func (t *table) two(from []netip.AddrPort) (one, other *backend) {
	i, j := rand.IntN(len(from)), 0
	if len(from) > 1 {
		if j = rand.IntN(len(from) - 1); j >= i {
			j++
		}
	}
	return t.backends[from[i]], t.backends[from[j]]
}

func lighter(a, b *backend) *backend {
	if b.underway.Load() < a.underway.Load() {
		return b
	}
	return a
}
