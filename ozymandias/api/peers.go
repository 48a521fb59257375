package api

import (
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"

	"teamtask.dev/ozymandias/api/v1"
)

// forwardedHeader marks a call that another node passed on: it is not passed on again.
const forwardedHeader = "Ozymandias-Forwarded"

// on has a call answered by the node that it is about: by this one with here, or by another, to which it is passed on.
func (a *API) on(w http.ResponseWriter, r *http.Request, node string, here http.HandlerFunc) {
	if node == a.Node {
		here(w, r)
		return
	}
	machine, known := a.Mirror.Machines()[node]
	switch {
	case !known || machine.Address == "":
		write(w, v1.NodeUnreachable.New("it is not known where node %s is", node))
	case r.Header.Get(forwardedHeader) != "":
		write(w, again(v1.NodeUnreachable.New("node %s was asked about what is on node %s: it has just moved; repeat the call", a.Node, node)))
	default:
		a.passOn(w, r, node, &url.URL{Scheme: "https", Host: net.JoinHostPort(machine.Address, strconv.Itoa(a.Port))})
	}
}

// passOn has another node answer a call.
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
			write(w, again(v1.NodeUnreachable.New("node %s does not answer: %v", node, err)))
		},
	}
	proxy.ServeHTTP(w, r)
}
