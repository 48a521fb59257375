package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"

	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
)

// Options of a Gateway. All but OpenID and Log must be set.
type Options struct {
	Client ctrl.WithWatch // for Blocks, and what is to be known to have them
	// Callers is for what callers cause: reviews of who they are and what they may, and what they look at. It is to have a bound
	// of its own on calls per second: however many callers there are, Blocks are renewed in time.
	Callers   ctrl.WithWatch
	Namespace string  // whose lists are at /v1/worklists
	Name      string  // of the gateway, as the worker of its Blocks: unique among those at work
	OpenID    *OpenID // who is known beside those the API server knows; nil: nobody
	Log       *slog.Logger
}

// writesPerSecond bounds what the gateway writes to the API server, at all and at once: completions that come meanwhile share the
// next write. It costs them up to a twentieth of a second.
const writesPerSecond = 20

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
	loops sync.WaitGroup // grows under the lock, and not once it is closed

	mu     sync.Mutex
	shares map[types.NamespacedName]*share
	closed bool
}

// New makes a gateway, which begins to work at once. Close it.
func New(o Options) *Gateway {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	g := &Gateway{o: o, who: newAuthenticator(o.Callers, o.OpenID), may: newAuthorizer(o.Callers), pace: rate.NewLimiter(writesPerSecond, writesPerSecond),
		shares: map[types.NamespacedName]*share{}}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.metrics = newMetrics(func() int {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.shares)
	})
	g.handler = g.routes()
	g.loops.Go(g.sweep)
	return g
}

// Handler is the REST API with everything around it.
func (g *Gateway) Handler() http.Handler { return g.handler }

// Close turns in what was done and gives the rest back. Calls that wait are refused, and so are those that come.
func (g *Gateway) Close(ctx context.Context) error {
	g.mu.Lock()
	g.closed = true
	shares := g.shares
	g.shares = map[types.NamespacedName]*share{}
	g.mu.Unlock()
	g.stop()
	errs := make(chan error, len(shares))
	for _, s := range shares {
		go func() {
			<-s.made
			errs <- s.close(ctx)
		}()
	}
	var all []error
	for range shares {
		all = append(all, <-errs)
	}
	g.loops.Wait()
	return errors.Join(all...)
}
