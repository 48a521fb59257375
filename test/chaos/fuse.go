package chaos

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"
)

// Fuse blows at a manager's n-th write: the write arrives, and nothing after it. The answer to it is delivered, or lost.
type Fuse struct {
	n      int64
	lost   bool
	writes Requests

	written atomic.Int64
	once    sync.Once
	blown   chan struct{}
}

// NewFuse is a fuse that blows at the n-th of some requests.
func NewFuse(n int64, lost bool, writes Requests) *Fuse {
	return &Fuse{n: n, lost: lost, writes: writes, blown: make(chan struct{})}
}

// Blown is closed once the fuse has blown.
func (f *Fuse) Blown() <-chan struct{} { return f.blown }

// HasBlown tells whether the n-th write was on its way.
func (f *Fuse) HasBlown() bool { return f.written.Load() >= f.n }

// Fault is what the fuse does to a request.
func (f *Fuse) Fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	writes, count := f.writes(r), f.written.Load()
	if writes {
		count = f.written.Add(1)
	}
	if count > f.n || count == f.n && !writes {
		return nil, fmt.Errorf("the manager is dead: %w", syscall.ECONNREFUSED)
	}
	resp, err := send()
	if count < f.n {
		return resp, err
	}
	f.once.Do(func() { close(f.blown) })
	if f.lost && err == nil {
		resp.Body.Close()
		return nil, syscall.ECONNRESET
	}
	return resp, err
}
