package ingress

import (
	"cmp"
	"context"
	"crypto/tls"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/schedule"
)

// Options of a server.
type Options struct {
	// HTTP and HTTPS are where to listen for requests. Default ":80" and ":443".
	HTTP, HTTPS string
	// TCP is the IP address to listen on for the ports of jobs. Default: all.
	TCP string
	// Secret reads a secret of the cluster: certificates with their keys are in them. Needed if jobs have any.
	Secret func(ctx context.Context, name string) ([]byte, error)
	// ACME gets certificates from an authority. nil: hosts that want one have none.
	ACME *ACME
	// Grace is how long requests and connections that are under way when the server ends may go on. Default 10 s.
	Grace time.Duration
	// Log gets what goes wrong. Default: nowhere.
	Log *slog.Logger
}

// Limits on clients. Bodies and what is upgraded may take as long as they like; a client that sends a header or shakes hands too
// slowly only holds a connection.
const (
	headerWithin = 10 * time.Second
	idleFor      = 75 * time.Second
	headerBytes  = 64 << 10
)

// A Server lets in requests and connections, and passes them on to instances.
type Server struct {
	options Options
	table   atomic.Pointer[table]
	buffers buffers
	quiet   *log.Logger // for what packages of others say: clients that break off, mostly
	secrets given
	acme    *authority // nil if there is none
	metrics metrics
	trouble troubles

	setting      sync.Mutex    // for SetTable
	portsChanged chan struct{} // the table has changed, for whoever keeps the ports
	hostsChanged chan struct{} // and for whoever keeps the certificates

	entering sync.Mutex // for over, and for underway to grow
	over     bool
	underway sync.WaitGroup // requests and connections
}

// New makes a server that knows of no job yet.
func New(o Options) *Server {
	o.HTTP, o.HTTPS = cmp.Or(o.HTTP, ":80"), cmp.Or(o.HTTPS, ":443")
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{options: o, metrics: newMetrics(), portsChanged: make(chan struct{}, 1), hostsChanged: make(chan struct{}, 1)}
	s.trouble.log = o.Log
	s.table.Store(&table{})
	s.quiet = slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug)
	return s
}

// SetTable has the server go by a table from now on. What is under way is not touched.
func (s *Server) SetTable(t routes.Table) {
	s.setting.Lock()
	defer s.setting.Unlock()
	old := s.table.Load()
	s.table.Store(old.next(t))
	s.metrics.forget(old.jobs(), s.table.Load().jobs())
	for _, changed := range []chan struct{}{s.portsChanged, s.hostsChanged} {
		select {
		case changed <- struct{}{}:
		default: // it has not looked yet since the last one
		}
	}
}

// Problems are what keeps the server from doing all that the table says.
func (s *Server) Problems() []schedule.IngressProblem { return s.trouble.all() }

// Run serves until ctx ends; then nothing new is let in, and what is under way has the grace period to end. A port that cannot be had
// keeps only what comes by that port away: it is among the [Server.Problems], and tried again and again.
//
// A server can be run once.
func (s *Server) Run(ctx context.Context) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	if s.options.ACME != nil {
		s.acme = newAuthority(s.options, &s.trouble)
		defer s.acme.cache.Stop()
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // gRPC without TLS
	web := &http.Server{
		Protocols: &protocols,
		Handler:   http.HandlerFunc(s.serve), BaseContext: func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: headerWithin, IdleTimeout: idleFor, MaxHeaderBytes: headerBytes,
		TLSConfig: &tls.Config{GetCertificate: s.certificate, NextProtos: []string{"h2", "http/1.1", challengeProtocol}},
		ErrorLog:  s.quiet,
	}
	var all, tried sync.WaitGroup
	tried.Add(2)
	all.Go(func() { s.keep(ctx, schedule.IngressProblem{Scheme: "http"}, s.options.HTTP, tried.Done, web.Serve) })
	all.Go(func() {
		s.keep(ctx, schedule.IngressProblem{Scheme: "https"}, s.options.HTTPS, tried.Done, func(l net.Listener) error { return web.ServeTLS(l, "", "") })
	})
	all.Go(func() { s.keepPorts(ctx, base) })
	all.Go(func() {
		tried.Wait() // or certmagic would listen on its own for the challenges
		s.keepCertificates(ctx)
	})
	<-ctx.Done()
	s.drain(web, cut)
	all.Wait()
	s.table.Load().close()
	return nil
}

// drain lets what is under way end by itself for a while, and cuts the rest.
func (s *Server) drain(web *http.Server, cut func()) {
	patience, enough := context.WithTimeout(context.Background(), s.options.Grace)
	defer enough()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		web.Shutdown(patience) // does not count what was upgraded
		s.entering.Lock()
		s.over = true
		s.entering.Unlock()
		s.underway.Wait()
	}()
	select {
	case <-ended:
	case <-patience.Done():
		cut()
		web.Close()
		<-ended
	}
}

// enter counts something as under way, until it calls leave. It is not let in once the server ends.
func (s *Server) enter() bool {
	s.entering.Lock()
	defer s.entering.Unlock()
	if s.over {
		return false
	}
	s.underway.Add(1)
	return true
}

func (s *Server) leave() { s.underway.Done() }

// port is that of an address to listen on, or 0.
func port(address string) int {
	_, number, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(number)
	return n
}
