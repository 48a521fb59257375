package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/kube"
	"teamtask.dev/server"
)

// Options of a Gateway. All but OpenID and Log must be set.
type Options struct {
	Client    ctrl.WithWatch // for Worklists and Blocks
	Reviews   ctrl.Writer    // for TokenReviews and SubjectAccessReviews
	Namespace string         // whose lists are at /v1/worklists
	Name      string         // of the gateway, as the worker of its Blocks: unique among those at work
	OpenID    *OpenID        // who is known beside those the API server knows; nil: nobody
	Log       *slog.Logger
}

const (
	// writesPerSecond bounds what the gateway writes to the API server, at all: completions that come meanwhile share the next
	// write. It costs them up to a twentieth of a second.
	writesPerSecond = 20
	// idle is after how long a list that nobody asks about is given up.
	idle = 10 * time.Minute
)

// Gateway is the REST API.
type Gateway struct {
	o       Options
	who     *authenticator
	may     *authorizer
	pace    *rate.Limiter
	metrics *metrics
	handler http.Handler

	ctx   context.Context // ends with the gateway
	stop  context.CancelFunc
	loops sync.WaitGroup

	mu     sync.Mutex
	shares map[types.NamespacedName]*share
	closed bool
}

// share is a list that is being shared out.
type share struct {
	made sync.Mutex // held while the tier is made
	up   *kube.Upstream
	tier *server.Tier
	used time.Time // last; belongs to the gateway's lock
	busy int       // calls under way; belongs to the gateway's lock
}

// New makes a gateway. Close it.
func New(ctx context.Context, o Options) *Gateway {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	g := &Gateway{o: o, who: newAuthenticator(o.Reviews, o.OpenID), may: newAuthorizer(o.Reviews), pace: rate.NewLimiter(writesPerSecond, writesPerSecond),
		shares: map[types.NamespacedName]*share{}}
	g.metrics = newMetrics(g)
	g.handler = g.routes()
	g.ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	g.loops.Go(g.giveUpIdle)
	return g
}

// Handler is the REST API with everything around it.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Lost is never closed: a gateway has nothing to lose.
func (g *Gateway) Lost() <-chan struct{} { return nil }

// Close turns in what was done and gives the rest back.
func (g *Gateway) Close(ctx context.Context) error {
	g.stop()
	g.loops.Wait()
	g.mu.Lock()
	g.closed = true
	shares := g.shares
	g.shares = map[types.NamespacedName]*share{}
	g.mu.Unlock()
	errs := make(chan error, len(shares))
	for _, s := range shares {
		go func() { errs <- s.close(ctx) }()
	}
	var all []error
	for range shares {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// errClosed refuses calls that come while the gateway stops.
var errClosed = errors.New("the gateway is stopping; repeat the call")

// share finds or makes the tier of a list. Whoever gets one is to say when it is done with it.
func (g *Gateway) share(ctx context.Context, name types.NamespacedName) (_ *server.Tier, done func(), err error) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return nil, nil, errClosed
	}
	s := g.shares[name]
	if s == nil {
		s = &share{}
		g.shares[name] = s
	}
	s.busy++
	g.mu.Unlock()
	done = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		s.busy--
		s.used = time.Now()
	}
	s.made.Lock()
	defer s.made.Unlock()
	if s.tier == nil {
		if err := g.make(ctx, name, s); err != nil {
			done()
			return nil, nil, err
		}
	}
	return s.tier, done, nil
}

func (g *Gateway) make(ctx context.Context, name types.NamespacedName, s *share) error {
	log := g.o.Log.With("namespace", name.Namespace, "worklist", name.Name)
	up := kube.New(kube.Options{Client: g.o.Client, Namespace: name.Namespace, List: name.Name, Worker: g.o.Name, Bulk: true,
		Pace: g.pace, Writes: g.metrics.writes, Fatal: func(err error) { log.Error("the gateway cannot go on with the list", "error", err) }, Log: log})
	tier, err := server.NewTier(ctx, server.TierOptions{Upstream: up, List: name.Name, Name: g.o.Name, Log: log})
	if err != nil {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		return errors.Join(err, up.Close(last))
	}
	s.up, s.tier = up, tier
	return nil
}

func (s *share) close(ctx context.Context) error {
	s.made.Lock()
	defer s.made.Unlock()
	if s.tier == nil {
		return nil
	}
	return errors.Join(s.tier.Close(ctx), s.up.Close(ctx))
}

// giveUpIdle closes the tiers of lists that nobody asks about any more.
func (g *Gateway) giveUpIdle() {
	look := time.NewTicker(idle / 10)
	defer look.Stop()
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-look.C:
		}
		for name, s := range g.takeIdle() {
			last, cancel := context.WithTimeout(g.ctx, time.Minute)
			if err := s.close(last); err != nil {
				g.o.Log.Warn("not all could be given back; the cluster will take it", "namespace", name.Namespace, "worklist", name.Name, "error", err)
			}
			cancel()
		}
	}
}

func (g *Gateway) takeIdle() map[types.NamespacedName]*share {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[types.NamespacedName]*share{}
	for name, s := range g.shares {
		if s.busy == 0 && time.Since(s.used) > idle {
			out[name] = s
			delete(g.shares, name)
		}
	}
	return out
}

// metrics are the gateway's.
type metrics struct {
	registry *prometheus.Registry
	writes   prometheus.Counter
	calls    *prometheus.CounterVec
}

func newMetrics(g *Gateway) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(),
		writes: prometheus.NewCounter(prometheus.CounterOpts{Name: "teamtask_gateway_writes_total", Help: "Writes to the API server."}),
		calls:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "teamtask_gateway_calls_total", Help: "Calls by status code."}, []string{"code"})}
	m.registry.MustRegister(m.writes, m.calls, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "teamtask_gateway_worklists",
		Help: "Worklists that are being shared out."}, func() float64 {
		g.mu.Lock()
		defer g.mu.Unlock()
		return float64(len(g.shares))
	}))
	return m
}
