package chaos

import (
	"net/http"
	"sync"
)

// Gate holds the requests that it is made for, from when it is closed until it is opened.
type Gate struct {
	holds Requests

	mu      sync.Mutex
	opened  chan struct{} // nil: it never was closed
	waiting chan struct{} // closed once a request waits
	once    sync.Once
}

// NewGate is a gate for some requests, which is open.
func NewGate(holds Requests) *Gate {
	return &Gate{holds: holds, waiting: make(chan struct{})}
}

// Waiting is closed once a request waits.
func (g *Gate) Waiting() <-chan struct{} { return g.waiting }

// Close holds what comes from now on.
func (g *Gate) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

// Open lets it go on.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
}

// Fault is what the gate does to a request.
func (g *Gate) Fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened != nil && g.holds(r) {
		select {
		case <-opened:
		default:
			g.once.Do(func() { close(g.waiting) })
			select {
			case <-opened:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
	}
	return send()
}
