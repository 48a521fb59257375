package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// board is where a program asks for its part over HTTP, and acknowledges it. A nil board is none.
type board struct {
	mu           sync.Mutex
	part         *v1alpha1.AssignmentSpec // nil: none yet
	number       int                      // of parts so far
	read         bool                     // the part was asked for
	acknowledges bool                     // the program runs it
	there        bool                     // the worker is in the pool
	changed      chan struct{}            // closed, and made anew, when any of this has
	address      string                   // where it answers
}

func newBoard() *board { return &board{changed: make(chan struct{})} }

func (b *board) change(f func()) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// put puts up a part. One with the workloads of the part before is as good as acknowledged.
func (b *board) put(part v1alpha1.AssignmentSpec, same bool) {
	b.change(func() {
		if p := b.part; p != nil && p.Version == part.Version && p.Incarnation == part.Incarnation {
			return // it could not be applied, and is tried again
		}
		b.part, b.read, b.acknowledges = &part, false, same
		b.number++
	})
}

// member says whether the worker is in the pool.
func (b *board) member(there bool) { b.change(func() { b.there = there }) }

// acknowledged waits until the program has acknowledged a part, which is the one that is put up, and says that it waits.
func (b *board) acknowledged(ctx context.Context, part v1alpha1.AssignmentSpec, say func(string, ...any)) error {
	if b == nil {
		return nil
	}
	for said := false; ; {
		b.mu.Lock()
		done, changed := b.acknowledges, b.changed
		b.mu.Unlock()
		if done {
			return nil
		}
		if !said {
			said = true
			say("waiting for the program to acknowledge version %d at http://%s/acknowledge", part.Version, b.address)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the program has not acknowledged version %d at http://%s/acknowledge in time", part.Version, b.address)
		}
	}
}

// serve answers at an address until it is stopped.
func (b *board) serve(address string, log *slog.Logger) (stop func(), err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	b.address = l.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assignment", b.get)
	mux.HandleFunc("PUT /acknowledge", b.acknowledge)
	mux.HandleFunc("GET /healthz", b.health)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		s.Serve(l)
	}()
	return func() {
		s.Close()
		<-served
	}, nil
}

// longestWait bounds ?wait=.
const longestWait = 5 * time.Minute

// get answers with the part, at once or when it is another than the one that is known.
func (b *board) get(w http.ResponseWriter, r *http.Request) {
	var wait time.Duration
	if text := r.URL.Query().Get("wait"); text != "" {
		var err error
		if wait, err = time.ParseDuration(text); err != nil || wait < 0 {
			refuse(w, http.StatusBadRequest, fmt.Sprintf("wait %q: must be a duration such as 60s", text))
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, longestWait))
	defer cancel()
	for {
		b.mu.Lock()
		part, tag, changed := b.part, fmt.Sprintf(`"%d"`, b.number), b.changed
		known := part == nil || r.Header.Get("If-None-Match") == tag
		if !known {
			b.read = true
		}
		b.mu.Unlock()
		if known {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
			}
			w.Header().Set("ETag", tag)
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(sheetOf(part))
		return
	}
}

// acknowledge takes in that the program runs a part.
func (b *board) acknowledge(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Version *int64 `json:"version"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&said); err != nil || said.Version == nil {
		refuse(w, http.StatusBadRequest, `the body must be such as {"version": 3}, with the version of the part that the program runs`)
		return
	}
	wrong := ""
	b.change(func() {
		switch {
		case b.part == nil || !b.read:
			wrong = "the part has changed and was not read yet: GET /assignment, run that, and acknowledge its version"
		case *said.Version != b.part.Version:
			wrong = fmt.Sprintf("the part is version %d, not %d: GET /assignment, run that, and acknowledge its version", b.part.Version, *said.Version)
		default:
			b.acknowledges = true
		}
	})
	if wrong != "" {
		refuse(w, http.StatusConflict, wrong)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (b *board) health(w http.ResponseWriter, _ *http.Request) {
	b.mu.Lock()
	there := b.there
	b.mu.Unlock()
	if !there {
		refuse(w, http.StatusServiceUnavailable, "the worker is not in the pool")
		return
	}
	fmt.Fprintln(w, "ok")
}

// refuse answers with a problem (RFC 9457).
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status), "detail": detail})
}
