package ingress

import (
	"context"
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

// An exchange is a request on its way through.
type exchange struct {
	table *table
	route routes.Route
	at    *backend // that answered
	code  int      // of the answer
}

type exchangeKey struct{}

// serve is the handler of all requests, by HTTP and HTTPS.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		panic(http.ErrAbortHandler)
	}
	defer s.leave()
	x := &exchange{table: s.table.Load()}
	defer func() {
		if x.at != nil {
			x.at.leave()
		}
		s.metrics.request(x.route.Job, x.code)
	}()
	host := routes.Host(r.Host)
	site, known := x.table.Hosts[host]
	route, found := x.table.Find(host, r.URL.Path)
	switch x.route = route; {
	case r.TLS == nil && s.challenge(w, r, host):
		x.code = http.StatusOK
	case r.Method == http.MethodConnect:
		x.refuse(w, r, noTunnel())
	case known && site.TLS != nil && r.TLS == nil:
		x.code = http.StatusPermanentRedirect
		http.Redirect(w, r, s.secure(host, r.URL), x.code)
	case !found:
		x.refuse(w, r, noRoute(host, r.URL.Path, known))
	case len(route.Addresses) == 0:
		x.refuse(w, r, noInstance(route.Job))
	default:
		s.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x)))
	}
}

// secure is where a request by HTTP is to go instead.
func (s *Server) secure(host string, u *url.URL) string {
	if p := port(s.options.HTTPS); p != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(p))
	}
	return (&url.URL{Scheme: "https", Host: host, Path: u.Path, RawPath: u.RawPath, RawQuery: u.RawQuery}).String()
}

func (s *Server) newProxy() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite: rewrite, Transport: retrying{s.options.Log}, BufferPool: &buffers{},
		ModifyResponse: func(res *http.Response) error {
			res.Request.Context().Value(exchangeKey{}).(*exchange).code = res.StatusCode
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			x := r.Context().Value(exchangeKey{}).(*exchange)
			if r.Context().Err() != nil {
				x.code = 499                // as nginx counts it: the client has gone, or the server ends
				panic(http.ErrAbortHandler) // to return would be to answer 200, with nothing
			}
			x.refuse(w, r, unreachable(x.route.Job, err))
		},
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelDebug),
	}
}

// rewrite makes the request that an instance gets: the client's, with where it came from.
func rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme = "http"
	r.Out.URL.RawQuery = r.In.URL.RawQuery // unread here, so it is not ours to clean
	r.SetXForwarded()                      // what the client itself says there is not passed on: anybody could say anything
	if u := r.Out.Header.Get("Upgrade"); u != "" && !strings.EqualFold(u, "websocket") {
		// Whatever else a connection is turned into, more requests could come on it, for whatever host.
		r.Out.Header.Del("Connection")
		r.Out.Header.Del("Upgrade")
	}
}

// retrying sends a request to an instance of its route, and to another one if that is safe.
type retrying struct{ log *slog.Logger }

func (t retrying) RoundTrip(r *http.Request) (*http.Response, error) {
	x := r.Context().Value(exchangeKey{}).(*exchange)
	var tried []*backend
	var failure error
	for len(tried) < attempts {
		b := x.table.pick(x.route, tried)
		if b == nil {
			break
		}
		b.underway.Add(1)
		res, err := b.transport.RoundTrip(addressed(r, b.address))
		if err == nil {
			b.worked()
			x.at = b
			return res, nil
		}
		b.underway.Add(-1)
		if r.Context().Err() != nil {
			return nil, err
		}
		t.log.Debug("an instance did not answer", "job", x.route.Job, "address", b.address, "error", err)
		unsent := unsent(err)
		if unsent {
			b.failed()
		}
		failure, tried = err, append(tried, b)
		if !unsent && !repeatable(r) {
			break
		}
	}
	return nil, failure
}

// addressed is the request for one instance. Its body is not closed if that fails: another instance may get it.
func addressed(r *http.Request, address string) *http.Request {
	out := r.WithContext(r.Context())
	out.URL = new(*r.URL)
	out.URL.Host = address
	if r.Body != nil {
		out.Body = io.NopCloser(r.Body)
	}
	return out
}

// unsent tells whether nothing was sent, as there was no connection.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
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
