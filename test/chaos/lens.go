package chaos

import (
	"bytes"
	"io"
	"net/http"
	"sync"
)

// Lens is between an informer and its watches. It can be frozen, drops what it is told to, and breaks off.
type Lens struct {
	Drop   func(line []byte) bool // whether an event, a line of JSON, is left out; nil: none is
	Breaks func() bool            // whether the watch ends before an event; nil: never

	of     Requests
	mu     sync.Mutex
	thawed chan struct{} // closed: it is not frozen
}

// NewLens is a lens for some watches. One that drops or breaks off must be for watches of JSON alone.
func NewLens(of Requests) *Lens {
	l := &Lens{of: of, thawed: make(chan struct{})}
	close(l.thawed)
	return l
}

// Freeze has nothing new be seen until Thaw.
func (l *Lens) Freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.thawed = make(chan struct{})
}

// Thaw ends what Freeze began.
func (l *Lens) Thaw() {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.thawed)
}

// Fault is what the lens does to a request.
func (l *Lens) Fault(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
	resp, err := send()
	if err == nil && Watches(r) && l.of(r) && resp.StatusCode == http.StatusOK {
		resp.Body = &distorted{lens: l, body: resp.Body, closed: make(chan struct{})}
	}
	return resp, err
}

// distorted is the body of a watch.
type distorted struct {
	lens   *Lens
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
		if d.raw = append(d.raw, buf[:n]...); !d.filter() {
			return 0, io.EOF
		}
		if err != nil && len(d.ready) == 0 {
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

// filter makes ready what is to be seen of what was read. It tells whether the watch goes on.
func (d *distorted) filter() bool {
	if d.lens.Drop == nil && d.lens.Breaks == nil { // whatever it is made of
		d.ready, d.raw = d.raw, nil
		return true
	}
	for {
		end := bytes.IndexByte(d.raw, '\n')
		if end < 0 {
			return true
		}
		line := d.raw[:end+1]
		d.raw = d.raw[end+1:]
		if d.lens.Drop != nil && d.lens.Drop(line) {
			continue
		}
		if d.lens.Breaks != nil && d.lens.Breaks() {
			return false
		}
		d.ready = append(d.ready, line...)
	}
}

func (d *distorted) Close() error {
	d.once.Do(func() { close(d.closed) })
	return d.body.Close()
}
