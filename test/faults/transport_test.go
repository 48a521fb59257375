package faults

import (
	"bytes"
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

// writes tells whether a request may change a Worklist or a Block. Events are for people.
func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && strings.Contains(r.URL.Path, "/teamtask.dev/")
}

func watches(r *http.Request) bool { return r.URL.Query().Get("watch") == "true" }

// counter counts writes that arrive.
type counter struct{ atomic.Int64 }

func (c *counter) fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	if writes(r) {
		c.Add(1)
	}
	return send()
}

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
	if watches(r) || !strings.Contains(r.URL.Path, "/teamtask.dev/") {
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
	if writes(r) && c.roll() < 0.15 {
		if err := wait(r, time.Duration(c.roll()*float64(400*time.Millisecond))); err != nil {
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

// lens is between an informer and its watch. It can be frozen, drops what it is told to, and breaks off.
type lens struct {
	mu     sync.Mutex
	thawed chan struct{} // closed: it is not frozen
	drop   func(line []byte) bool
	breaks func() bool // before an event
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
	if err == nil && watches(r) && strings.Contains(r.URL.Path, "/teamtask.dev/") && resp.StatusCode == http.StatusOK {
		resp.Body = &distorted{lens: l, body: resp.Body, closed: make(chan struct{})}
	}
	return resp, err
}

// distorted is the body of a watch: a line of JSON for each event.
type distorted struct {
	lens   *lens
	body   io.ReadCloser
	raw    []byte // read, but no whole line
	ready  []byte // to be seen
	once   sync.Once
	closed chan struct{}
}

func (d *distorted) Read(p []byte) (int, error) {
	for len(d.ready) == 0 {
		buf := make([]byte, 16<<10)
		n, err := d.body.Read(buf)
		d.raw = append(d.raw, buf[:n]...)
		for {
			end := bytes.IndexByte(d.raw, '\n')
			if end < 0 {
				break
			}
			line := d.raw[:end+1]
			d.raw = d.raw[end+1:]
			if d.lens.drop != nil && d.lens.drop(line) {
				continue
			}
			if d.lens.breaks != nil && d.lens.breaks() {
				return 0, io.EOF
			}
			d.ready = append(d.ready, line...)
		}
		if err != nil {
			return 0, err
		}
	}
	d.lens.mu.Lock()
	thawed := d.lens.thawed
	d.lens.mu.Unlock()
	select {
	case <-thawed:
	case <-d.closed:
		return 0, io.ErrClosedPipe
	}
	n := copy(p, d.ready)
	d.ready = d.ready[n:]
	return n, nil
}

func (d *distorted) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.body.Close()
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

// readsBlocks tells whether a request is the one with which a decision reads the Blocks of a list.
func readsBlocks(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/blocks") && !watches(r) && strings.Contains(r.URL.RawQuery, "spec.worklist")
}

// changes tells whether a line of a watch says that an object has changed, or is gone.
func changes(line []byte) bool {
	return bytes.HasPrefix(line, []byte(`{"type":"MODIFIED"`)) || bytes.HasPrefix(line, []byte(`{"type":"DELETED"`))
}
