package owners

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Link is what becomes of what goes over a wire.
type Link int

// The links.
const (
	Up    Link = iota
	Cut        // requests fail, and streams break off
	Deaf       // requests arrive; the answers do not, nor anything on a stream
	Hung       // nothing arrives, and nothing fails, until the link changes
	Late       // requests fail, and arrive some time later all the same
	Moody      // some requests fail before they arrive, some after it, some are slow
	Stale      // streams say nothing; all else is well
	Dead       // as Cut, for good
)

func (l Link) String() string {
	return [...]string{"up", "cut", "deaf", "hung", "late", "moody", "stale", "dead"}[l]
}

// Wire is between one client and whom it speaks to. The zero value is up.
type Wire struct {
	mu      sync.Mutex
	link    Link
	changed chan struct{} // closed when the link changes; nil: nobody waits
	calls   map[*context.CancelFunc]bool
	renewed time.Time // when the last write that was answered was sent
	writes  int       // that were sent
	fuse    int       // at this write the wire dies; 0: it does not
	lost    bool      // and its answer is lost
	then    func()    // is called after that
	late    sync.WaitGroup
}

// Set changes the link, unless it is dead.
func (w *Wire) Set(l Link) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(l)
}

func (w *Wire) set(l Link) {
	if w.link == Dead || w.link == l {
		return
	}
	w.link = l
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
	if l == Cut || l == Dead {
		for cancel := range w.calls {
			(*cancel)()
		}
	}
}

// DieAt has the wire die at the n-th write from now on: that one arrives, and nothing after it. Its answer is lost, if so said. Then
// is called after that.
func (w *Wire) DieAt(n int, lost bool, then func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fuse, w.lost, w.then = w.writes+n, lost, then
}

// Renewed is when the last write that was answered was sent.
func (w *Wire) Renewed() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.renewed
}

// Wait waits for what is on its way still.
func (w *Wire) Wait() { w.late.Wait() }

func (w *Wire) look() (Link, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.link, w.changed
}

// Wrap puts the wire before a transport.
func (w *Wire) Wrap(next http.RoundTripper) http.RoundTripper {
	return tripper(func(r *http.Request) (*http.Response, error) { return w.roundTrip(next, r) })
}

type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

var errLate = errors.New("the answer does not come")

func writes(r *http.Request) bool {
	return r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/events.k8s.io/") // events are for people
}

func streams(r *http.Request) bool {
	return r.URL.Query().Get("watch") == "true" || strings.HasSuffix(r.URL.Path, "/assignment")
}

func (w *Wire) roundTrip(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	link, err := w.depart(next, r)
	if err != nil {
		return nil, err
	}
	if writes(r) && w.last() {
		return w.blow(next, r)
	}
	ctx, hangUp := context.WithCancel(r.Context())
	done := w.enter(&hangUp)
	sent := time.Now()
	resp, err := next.RoundTrip(r.WithContext(ctx))
	if err == nil {
		err = w.arrive(r, link)
	}
	if err != nil {
		if resp != nil {
			resp.Body.Close()
		}
		done()
		if r.Context().Err() == nil && errors.Is(err, context.Canceled) {
			err = syscall.ECONNRESET
		}
		return nil, err
	}
	if resp.StatusCode < 300 && writes(r) {
		w.mu.Lock()
		if sent.After(w.renewed) {
			w.renewed = sent
		}
		w.mu.Unlock()
	}
	resp.Body = &body{ReadCloser: resp.Body, wire: w, streams: streams(r), done: sync.OnceFunc(done), closed: make(chan struct{})}
	return resp, nil
}

// depart returns once a request is on its way, on the link as it is then; or it fails.
func (w *Wire) depart(next http.RoundTripper, r *http.Request) (Link, error) {
	for {
		link, changed := w.look()
		switch link {
		case Cut, Dead:
			return link, syscall.ECONNREFUSED
		case Late:
			if err := w.delay(next, r); err != nil {
				return link, err
			}
			return link, errLate
		case Moody:
			wait(r.Context(), rand.N(30*time.Millisecond))
			if rand.IntN(8) == 0 {
				return link, syscall.ECONNREFUSED
			}
			return link, r.Context().Err()
		case Hung:
			select {
			case <-changed:
			case <-r.Context().Done():
				return link, r.Context().Err()
			}
		default:
			return link, nil
		}
	}
}

// delay has a request arrive when nobody waits for the answer any more. Streams do not.
func (w *Wire) delay(next http.RoundTripper, r *http.Request) error {
	if streams(r) {
		return nil
	}
	later := r.Clone(context.WithoutCancel(r.Context()))
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			return err
		}
		later.Body = io.NopCloser(bytes.NewReader(text))
	}
	w.late.Go(func() {
		ctx, cancel := context.WithTimeout(later.Context(), 20*time.Second)
		defer cancel()
		wait(ctx, rand.N(4*time.Second))
		if resp, err := next.RoundTrip(later.WithContext(ctx)); err == nil {
			resp.Body.Close()
		}
	})
	return nil
}

// arrive returns once an answer has come over the wire, or fails.
func (w *Wire) arrive(r *http.Request, sent Link) error {
	if sent == Moody && rand.IntN(6) == 0 {
		return syscall.ECONNRESET
	}
	for {
		link, changed := w.look()
		switch link {
		case Cut, Dead, Late:
			return syscall.ECONNRESET
		case Deaf, Hung:
			select {
			case <-changed:
				if link == Deaf {
					return syscall.ECONNRESET // it was lost for good
				}
			case <-r.Context().Done():
				return r.Context().Err()
			}
		default:
			return nil
		}
	}
}

// enter has a call hung up when the wire is cut, until it is done.
func (w *Wire) enter(hangUp *context.CancelFunc) (done func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calls == nil {
		w.calls = map[*context.CancelFunc]bool{}
	}
	w.calls[hangUp] = true
	if w.link == Cut || w.link == Dead {
		(*hangUp)()
	}
	return func() {
		w.mu.Lock()
		delete(w.calls, hangUp)
		w.mu.Unlock()
		(*hangUp)()
	}
}

// last counts a write, and tells whether it is the last one of this wire.
func (w *Wire) last() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.writes++
	return w.fuse > 0 && w.writes == w.fuse
}

// blow is the end of the wire: the request arrives, and nothing after it.
func (w *Wire) blow(next http.RoundTripper, r *http.Request) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err == nil {
		var text []byte
		text, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(text))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set(Dead)
	defer w.then()
	if err == nil && w.lost {
		err = syscall.ECONNRESET
	}
	if err != nil {
		return nil, err
	}
	return resp, nil
}

// body is that of an answer.
type body struct {
	io.ReadCloser
	wire    *Wire
	streams bool
	done    func()
	once    sync.Once
	closed  chan struct{}
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	for {
		link, changed := b.wire.look()
		switch {
		case link == Cut, link == Dead:
			return 0, syscall.ECONNRESET
		case link == Hung, b.streams && (link == Deaf || link == Stale || link == Late):
			select {
			case <-changed:
			case <-b.closed:
				return 0, io.ErrClosedPipe
			}
		default:
			return n, err
		}
	}
}

func (b *body) Close() error {
	b.once.Do(func() { close(b.closed) })
	err := b.ReadCloser.Close()
	b.done()
	return err
}

// wait waits, until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
