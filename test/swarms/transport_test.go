package swarms

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// fault is what happens to a request on its way. send lets it through.
type fault func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error)

func (f fault) wrap(next http.RoundTripper) http.RoundTripper {
	if f == nil {
		return next
	}
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		return f(r, func() (*http.Response, error) { return next.RoundTrip(r) })
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// and is both faults, the first one nearer to who asks.
func (f fault) and(g fault) fault {
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		return f(r, func() (*http.Response, error) { return g(r, send) })
	}
}

// writes tells whether a request changes something that who owns what depends on. Events are for people; what is said in the status of
// an Assignment about where its worker stands is as well, and for that of workers which fall silent see package assignments.
func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events.k8s.io/") &&
		!(strings.Contains(r.URL.Path, "/assignments/") && strings.HasSuffix(r.URL.Path, "/status"))
}

func watches(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

// fuse blows at a manager's n-th write: the write arrives, and nothing after it. The answer to it is delivered, or lost.
type fuse struct {
	n    int64
	lost bool

	written atomic.Int64
	once    sync.Once
	blown   chan struct{}
}

func newFuse(n int64, lost bool) *fuse { return &fuse{n: n, lost: lost, blown: make(chan struct{})} }

func (f *fuse) fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	count := f.written.Load()
	if writes(r) {
		count = f.written.Add(1)
	}
	if count > f.n || count == f.n && !writes(r) {
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

// chance is a source of randomness for requests that come at the same time.
type chance struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newChance(rng *rand.Rand) *chance { return &chance{rng: rand.New(rand.NewPCG(rng.Uint64(), 0))} }

func (c *chance) roll() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.Float64()
}

// loses applies requests and loses the answers, refuses some with a conflict that is none, or for too many, and is slow.
func (c *chance) loses(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	if watches(r) || strings.Contains(r.URL.Path, "/events.k8s.io/") {
		return send()
	}
	if err := wait(r, time.Duration(c.roll()*float64(20*time.Millisecond))); err != nil {
		return nil, err
	}
	dice := c.roll()
	switch {
	case dice < 0.03:
		return answer(r, http.StatusTooManyRequests, "TooManyRequests", "Retry-After", "1"), nil
	case dice < 0.08 && writes(r):
		return answer(r, http.StatusConflict, "Conflict"), nil
	case dice < 0.25:
		resp, err := send()
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		switch {
		case dice < 0.13:
			return nil, syscall.ECONNRESET
		case dice < 0.19:
			return nil, timeout{}
		}
		return answer(r, http.StatusInternalServerError, "InternalError"), nil
	}
	return send()
}

// pauses stops a manager now and then between what it has read and what it writes.
func (c *chance) pauses(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	if writes(r) && c.roll() < 0.3 {
		if err := wait(r, time.Duration(c.roll()*float64(time.Second))); err != nil {
			return nil, err
		}
	}
	return send()
}

func wait(r *http.Request, d time.Duration) error {
	pause := time.NewTimer(d)
	defer pause.Stop()
	select {
	case <-pause.C:
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

type timeout struct{}

func (timeout) Error() string   { return "the answer does not come" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }

// answer is one that the API server never gave.
func answer(r *http.Request, code int, reason string, header ...string) *http.Response {
	body := fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":"a fault of the test"}`, reason, code)
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

// lens is between an informer and its watch, and can be frozen: then the informer sees nothing new.
type lens struct {
	mu     sync.Mutex
	thawed chan struct{} // closed: it is not frozen
}

func newLens() *lens {
	l := &lens{thawed: make(chan struct{})}
	close(l.thawed)
	return l
}

func (l *lens) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.thawed = make(chan struct{})
}

func (l *lens) thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.thawed)
}

func (l *lens) fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	resp, err := send()
	if err == nil && watches(r) && resp.StatusCode == http.StatusOK {
		resp.Body = &frozen{ReadCloser: resp.Body, lens: l, closed: make(chan struct{})}
	}
	return resp, err
}

// frozen is the body of a watch.
type frozen struct {
	io.ReadCloser
	lens   *lens
	once   sync.Once
	closed chan struct{}
}

func (f *frozen) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	f.lens.mu.Lock()
	thawed := f.lens.thawed
	f.lens.mu.Unlock()
	select {
	case <-thawed:
	case <-f.closed:
		return 0, io.ErrClosedPipe
	}
	return n, err
}

func (f *frozen) Close() error {
	f.once.Do(func() { close(f.closed) })
	return f.ReadCloser.Close()
}

// gate holds the requests that it is made for, from when it is closed until it is opened.
type gate struct {
	holds func(*http.Request) bool

	mu      sync.Mutex
	opened  chan struct{} // nil: it never was closed
	waiting chan struct{} // closed once a request waits
	once    sync.Once
}

func newGate(holds func(*http.Request) bool) *gate {
	return &gate{holds: holds, waiting: make(chan struct{})}
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
}

func (g *gate) fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
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

// announces tells whether a request says what is decided about a Swarm.
func announces(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/swarms/") && strings.HasSuffix(r.URL.Path, "/status")
}

// writesParts tells whether a request gives a worker its part.
func writesParts(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/assignments/") && !strings.HasSuffix(r.URL.Path, "/status")
}
