package pools

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"teamtask.dev/controller"
)

// fuse blows at a manager's n-th write: the write arrives, and nothing after it. A nil fuse never does.
type fuse struct {
	n       int64
	written atomic.Int64
	once    sync.Once
	blown   chan struct{}
}

func newFuse(n int64) *fuse { return &fuse{n: n, blown: make(chan struct{})} }

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (f *fuse) wrap(next http.RoundTripper) http.RoundTripper {
	if f == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		writes := r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events.k8s.io/") // events are for people
		count := f.written.Load()
		if writes {
			count = f.written.Add(1)
		}
		if count > f.n || count == f.n && !writes {
			return nil, fmt.Errorf("the manager is dead: %w", syscall.ECONNREFUSED)
		}
		resp, err := next.RoundTrip(r)
		if count == f.n {
			f.once.Do(func() { close(f.blown) })
		}
		return resp, err
	})
}

// manage runs the controllers in the site's namespace. When the fuse blows they end, and others go on.
func (s *site) manage(f *fuse) {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	run := func(ctx context.Context, f *fuse) {
		cfg := config(s.t, controllers)
		cfg.Wrap(f.wrap)
		if err := controller.Run(ctx, cfg, controller.Options{Watch: []string{s.ns}, MetricsAddr: "0", HealthAddr: "0"}); err != nil && f == nil && ctx.Err() == nil {
			s.t.Errorf("the controllers end: %v", err)
		}
	}
	go func() {
		defer close(ended)
		if f != nil {
			first, kill := context.WithCancel(ctx)
			over := make(chan struct{})
			go func() { defer close(over); run(first, f) }()
			select {
			case <-f.blown:
			case <-ctx.Done():
			}
			kill()
			<-over
		}
		run(ctx, nil)
	}()
	s.t.Cleanup(func() { stop(); <-ended })
}
