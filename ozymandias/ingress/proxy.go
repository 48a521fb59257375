package ingress

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"teamtask.dev/ozymandias/ingress/routes"
)

// An exchange is a request on its way through. It is the transport of its own ReverseProxy, so it sees what becomes of the request without
// another look-up.
type exchange struct {
	proxy httputil.ReverseProxy
	log   *slog.Logger
	table *table
	route routes.Route
	first *backend // to be tried
	at    *backend // that answered
	code  int      // of the answer
}

// serve is the handler of all requests, by HTTP and HTTPS.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.leave()
	x := &exchange{table: s.table.Load(), log: s.options.Log}
	defer func() {
		if x.at != nil {
			x.at.leave()
		}
		s.metrics.request(x.route.Job, x.code)
	}()
	host := routes.Host(r.Host)
	site, known := x.table.Hosts[host]
	route, found := x.table.Find(host, r.URL.Path)
	x.route, x.first = route, x.table.pick(route, nil)
	switch {
	case r.TLS == nil && s.challenge(w, r, host):
		x.code = http.StatusOK
	case r.Method == http.MethodConnect:
		x.refuse(w, r, noTunnel())
	case known && site.TLS != nil && r.TLS == nil:
		x.code = http.StatusPermanentRedirect
		http.Redirect(w, r, s.secure(host, r.URL), x.code)
	case !found:
		x.refuse(w, r, noRoute(host, r.URL.Path, known))
	case x.first == nil:
		x.refuse(w, r, noInstance(route.Job))
	default:
		x.proxy = httputil.ReverseProxy{Rewrite: x.rewrite, Transport: x, BufferPool: &s.buffers, ErrorHandler: x.failed, ErrorLog: s.quiet}
		x.proxy.ServeHTTP(w, r)
	}
}

// secure is where a request by HTTP is to go instead.
func (s *Server) secure(host string, u *url.URL) string {
	if p := port(s.options.HTTPS); p != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(p))
	}
	return (&url.URL{Scheme: "https", Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

// rewrite makes the request that an instance gets: the client's, with where it came from.
func (x *exchange) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host = "http", x.first.address
	r.Out.URL.RawQuery = r.In.URL.RawQuery // unread here, so it is not ours to clean
	r.SetXForwarded()                      // what the client itself says there is not passed on: anybody could say anything
	if u := r.Out.Header.Get("Upgrade"); u != "" && !strings.EqualFold(u, "websocket") {
		// Whatever else a connection is turned into, more requests could come on it, for whatever host.
		r.Out.Header.Del("Connection")
		r.Out.Header.Del("Upgrade")
	}
	if r.Out.Body != nil {
		r.Out.Body = io.NopCloser(r.Out.Body) // by a transport that fails: another instance may get it
	}
}

// failed answers when no instance has.
func (x *exchange) failed(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		x.code = 499                // as nginx counts it: the client has gone, or the server ends
		panic(http.ErrAbortHandler) // to return would be to answer 200, with nothing
	}
	x.refuse(w, r, unreachable(x.route.Job, err))
}

// RoundTrip sends a request to the first instance, and to others if that is safe.
func (x *exchange) RoundTrip(r *http.Request) (*http.Response, error) {
	var tried []*backend
	for b := x.first; ; r = addressed(r, b.address) {
		b.underway.Add(1)
		res, err := b.transport(r).RoundTrip(r)
		if err == nil {
			b.worked()
			x.at, x.code = b, res.StatusCode
			return res, nil
		}
		b.underway.Add(-1)
		if r.Context().Err() != nil {
			return nil, err
		}
		x.log.Debug("an instance did not answer", "job", x.route.Job, "address", b.address, "error", err)
		unsent := unsent(err)
		if unsent || timedOut(err) {
			b.failed()
		}
		if tried = append(tried, b); len(tried) == attempts || !unsent && !repeatable(r) {
			return nil, err
		}
		if b = x.table.pick(x.route, tried); b == nil {
			return nil, err
		}
	}
}

// addressed is the request for another instance. The one before may still be read, by what sent it.
func addressed(r *http.Request, address string) *http.Request {
	out := r.WithContext(r.Context())
	out.URL = new(*r.URL)
	out.URL.Host = address
	return out
}

// unsent tells whether nothing was sent, as there was no connection.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// timedOut tells whether the machine of an instance gave no sign of life.
func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// repeatable tells whether a request may be carried out twice, and can be sent twice.
func repeatable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return r.Body == nil || r.Body == http.NoBody
	}
	return false
}

// buffers are for copying bodies.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return buffer[:]
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buffer []byte) { b.pool.Put((*[32 << 10]byte)(buffer)) }
