package api

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"time"

	"teamtask.dev/ozymandias/api/v1"
)

// forwardedHeader marks a call that another node passed on: it is not passed on again.
const forwardedHeader = "Ozymandias-Forwarded"

// How long another node may take to be reached, and to show itself once it is: a machine that is gone says nothing, and of a process that is stopped
// the kernel still takes connections.
const (
	dialWithin  = 3 * time.Second
	shakeWithin = 10 * time.Second
)

// toPeers are connections to other nodes, to which this one shows itself by the configuration.
func toPeers(self *tls.Config) *http.Transport {
	return &http.Transport{TLSClientConfig: self, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext, TLSHandshakeTimeout: shakeWithin}
}

// on has a call answered by the node that it is about: by this one with here, or by another, to which it is passed on.
func (a *API) on(w http.ResponseWriter, r *http.Request, node string, here http.HandlerFunc) {
	if node == a.Node {
		here(w, r)
		return
	}
	machine, known := a.Mirror.Machines()[node]
	life, alive := a.Mirror.Lives()[node]
	switch {
	case !known || machine.Address == "":
		write(w, v1.NodeUnreachable.New("it is not known where node %s is", node))
	case !alive:
		write(w, lost(node))
	case r.Header.Get(forwardedHeader) != "":
		write(w, again(v1.NodeUnreachable.New("node %s was asked about what is on node %s: it has just moved; repeat the call", a.Node, node)))
	default:
		// A node that dies in the midst of it may leave a connection that is silent for ever, and a call may rightly be silent for days. That it died is
		// known by its lease.
		ctx, cancel := context.WithCancelCause(r.Context())
		defer cancel(nil)
		go func() {
			if a.Mirror.Departed(ctx, node, life.Incarnation) == nil {
				cancel(lost(node))
			}
		}()
		a.passOn(w, r.WithContext(ctx), node, &url.URL{Scheme: "https", Host: net.JoinHostPort(machine.Address, strconv.Itoa(a.Port))})
	}
}

func lost(node string) *v1.Problem { return v1.NodeUnreachable.New("node %s is lost", node) }

// passOn has another node answer a call, until the call's context ends.
func (a *API) passOn(w http.ResponseWriter, r *http.Request, node string, target *url.URL) {
	proxy := httputil.ReverseProxy{
		Transport: a.peers,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Header.Set(forwardedHeader, a.Node)
			p.Out.Header.Del("Authorization") // this node vouches for the caller
		},
		FlushInterval: -1, // lines are passed on as they come
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			why := v1.NodeUnreachable.New("node %s does not answer: %v", node, err)
			if gone := (*v1.Problem)(nil); errors.As(context.Cause(r.Context()), &gone) {
				why = gone
			}
			write(w, again(why))
		},
	}
	proxy.ServeHTTP(w, r)
}
