package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worklist"
)

// TierOptions of a Tier. All fields but Token, Log, OnDemand, Ready and URL must be set.
type TierOptions struct {
	Upstream Upstream
	List     string // the list that is shared out
	Name     string // of the tier, as a worker of its upstream: unique among those at work
	Token    string // who calls must bring it as a bearer token; "": a random one
	Log      *slog.Logger

	// OnDemand claims a block only when a worker waits for one, unless blocks are used up in no time: for a tier whose workers
	// are few, as what one of them has in stock is what others elsewhere wait for.
	OnDemand bool

	// Ready is waited for before completions are turned in, so that those that come meanwhile go along: for an upstream that takes
	// only so many in a second. Nil: there is nothing to wait for.
	Ready func(context.Context) error

	// URL of the upstream, with UpstreamToken, to pass on calls that only read.
	URL           *url.URL
	UpstreamToken func() (string, error)
}

// Tier is a secondary List server: it claims large blocks of one list at its upstream and shares them out in small ones.
// It stores nothing: what its workers have done is counted upstream before they are told so. When it is lost, what it had
// in hand goes out again once its leases upstream have run out.
type Tier struct {
	o       TierOptions
	secret  []byte // signs its workers' leases
	metrics *metrics
	handler http.Handler
	changed broadcast

	making chan struct{} // capacity 1: holds a token while a keeper is made

	mu     sync.Mutex
	keeper *keeper
	epoch  uint64
	closed bool

	ctx   context.Context // ends with the tier
	stop  context.CancelFunc
	loops sync.WaitGroup
}

// NewTier makes a tier. The list must exist.
func NewTier(ctx context.Context, o TierOptions) (*Tier, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	t := &Tier{o: o, secret: make([]byte, 32), making: make(chan struct{}, 1)}
	rand.Read(t.secret)
	if t.o.Token == "" {
		token := make([]byte, 16)
		rand.Read(token)
		t.o.Token = hex.EncodeToString(token)
	}
	t.ctx, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	t.metrics = newMetrics(t)
	t.handler = t.routes()
	if _, err := t.mine(ctx, o.List); err != nil {
		t.stop()
		return nil, err
	}
	return t, nil
}

// Token is the bearer token that calls must bring.
func (t *Tier) Token() string { return t.o.Token }

// Handler is the REST API as far as a tier has it.
func (t *Tier) Handler() http.Handler { return t.handler }

// Over tells whether the list has ended, as far as the tier knows: it may have been reopened upstream a moment ago.
func (t *Tier) Over() bool {
	k, _ := t.alive()
	return k != nil && k.over()
}

// Close turns in what was done and gives the rest back. Calls that wait are refused.
func (t *Tier) Close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	k := t.keeper
	t.mu.Unlock()
	t.stop()
	t.loops.Wait()
	if k == nil {
		return nil
	}
	return k.Close(ctx)
}

// mine is the keeper of the tier's list, made anew if the last one gave up.
func (t *Tier) mine(ctx context.Context, name string) (*keeper, error) {
	if name != t.o.List {
		return nil, huma.Error404NotFound(fmt.Sprintf("this is a tier that shares out the list %s only, not %s; ask its upstream", t.o.List, name))
	}
	if k, err := t.alive(); k != nil || err != nil {
		return k, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(t.ctx, cancel)()
	select {
	case t.making <- struct{}{}:
		defer func() { <-t.making }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if k, err := t.alive(); k != nil || err != nil {
		return k, err
	}
	wl, err := t.o.Upstream.Get(ctx, name)
	if err != nil {
		return nil, &upstreamError{err}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errGone
	}
	t.epoch++
	up := newUpstream(t.o.Upstream, name, t.o.Name)
	p := tierPolicy(wl)
	k := newKeeper(wl, worklist.NewTier(wl.Spec.Size, t.epoch, p), p, up, t.secret, t.metrics.counters, t.o.Log)
	s := &supply{tier: t, keeper: k, upstream: up, spec: wl}
	k.ready = t.o.Ready
	k.low = &stock{upstream: up, enough: s.enough(), signal: make(chan struct{}, 1)}
	k.start(t.ctx)
	t.keeper = k
	t.loops.Go(func() { s.run(t.ctx) })
	return k, nil
}

// alive is the keeper, unless it has given up; an error where the tier is closed.
func (t *Tier) alive() (*keeper, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil, errGone
	}
	if k := t.keeper; k != nil && k.read(func(time.Time) {}) == nil {
		return k, nil
	}
	return nil, nil
}

// tierPolicy is the list's policy without what the upstream sees to.
func tierPolicy(wl *v1alpha1.Worklist) worklist.Policy {
	p := wl.Policy()
	return worklist.Policy{Blocks: p.Blocks, Lease: p.Lease, MaxAttempts: p.MaxAttempts, Backoff: p.Backoff,
		BlocksPerWorker: p.BlocksPerWorker, Suspended: p.Suspended}
}

func (t *Tier) keepers() []*keeper {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.keeper == nil {
		return nil
	}
	return []*keeper{t.keeper}
}

// others has a keeper made where the last one gave up: a worker that serves all lists names none.
func (t *Tier) others(ctx context.Context) []candidate {
	ctx, cancel := context.WithTimeout(ctx, peerTimeout)
	defer cancel()
	if _, err := t.mine(ctx, t.o.List); err != nil {
		t.o.Log.Debug("the tier cannot go on", "error", err)
	}
	return nil
}

func (t *Tier) next() <-chan struct{} { return t.changed.next() }

// routes are the calls about blocks; others that only read are passed on to the upstream.
func (t *Tier) routes() http.Handler {
	mux := http.NewServeMux()
	api := newAPI(mux, "Teamtask tier of the list "+t.o.List)
	registerBlocks(api, t)
	registerAny(api, t)
	registerExplanation(api, t)
	t.registerList(api)
	handleOperations(mux, t.metrics, func(context.Context) error { return nil })
	mux.Handle("/v1/", t.passOn())
	return authenticate(t.o.Token, mux)
}

// registerList lists what there is at a tier: its own list, as its upstream has it.
func (t *Tier) registerList(api huma.API) {
	huma.Register(api, huma.Operation{OperationID: "list-worklists", Method: http.MethodGet, Path: "/v1/worklists", Tags: []string{"Worklists"},
		Summary: "List worklists: the one that is shared out"},
		func(ctx context.Context, in *worklistPage) (*struct{ Body v1alpha1.WorklistList }, error) {
			out := &struct{ Body v1alpha1.WorklistList }{noWorklists()}
			if in.Continue >= t.o.List {
				return out, nil
			}
			wl, err := t.o.Upstream.Get(ctx, t.o.List)
			if err != nil {
				return nil, problem(&upstreamError{err})
			}
			out.Body.Items = append(out.Body.Items, *wl)
			return out, nil
		})
}

func (t *Tier) passOn() http.Handler {
	own := "/v1/worklists/" + t.o.List
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || t.o.URL == nil {
			writeProblem(w, http.StatusForbidden, t.refusal())
			return
		}
		if r.URL.Path != own && !strings.HasPrefix(r.URL.Path, own+"/") {
			writeProblem(w, http.StatusNotFound, "this is a tier that shares out the list "+t.o.List+" only; ask its upstream")
			return
		}
		token, err := t.o.UpstreamToken()
		if err != nil {
			writeProblem(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		passOn(w, r, t.o.URL, "Authorization", "Bearer "+token, "the upstream does not answer")
	})
}

// refusal sends those who want to change the list to the server above. The command line adds its command.
func (t *Tier) refusal() string {
	const what = "this is a tier, which only hands out blocks; "
	if t.o.URL == nil {
		return what + "ask its upstream"
	}
	return what + "run it above: teamtask --server " + strings.TrimSuffix(t.o.URL.String(), "/")
}
