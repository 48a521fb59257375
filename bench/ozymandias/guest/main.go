// Guest is what runs in the instances that are measured. It answers HTTP on port 8080, and ends by SIGTERM with what it has begun
// answered:
//
//	GET /             who it is, and where: JOB-ID NODE VERSION
//	GET /healthcheck  whether it is well
//	POST /unwell      be unwell; the answer comes with the first check that fails: its time, in nanoseconds since 1970
//	GET /gone?name=NAME&address=ADDRESS
//	                  look the name up until the address is not among its addresses; the time, likewise
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "guest:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: ":8080", Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	patience, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return server.Shutdown(patience)
}

func handler() http.Handler {
	self := fmt.Sprintf("%s-%s %s %s\n", os.Getenv("OZYMANDIAS_JOB"), os.Getenv("OZYMANDIAS_INSTANCE"), os.Getenv("OZYMANDIAS_NODE"), os.Getenv("VERSION"))
	var unwell atomic.Bool
	var first sync.Once
	failed := make(chan time.Time, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, self) })
	mux.HandleFunc("GET /healthcheck", func(w http.ResponseWriter, _ *http.Request) {
		if unwell.Load() {
			first.Do(func() { failed <- time.Now() })
			http.Error(w, "unwell", http.StatusServiceUnavailable)
		}
	})
	mux.HandleFunc("POST /unwell", func(w http.ResponseWriter, r *http.Request) {
		unwell.Store(true)
		select {
		case <-r.Context().Done():
		case at := <-failed:
			fmt.Fprint(w, at.UnixNano())
		}
	})
	mux.HandleFunc("GET /gone", func(w http.ResponseWriter, r *http.Request) {
		at, err := gone(r.Context(), r.FormValue("name"), r.FormValue("address"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, at.UnixNano())
	})
	return mux
}

// gone waits until a name does not lead to an address, and tells when that was.
func gone(ctx context.Context, name, address string) (time.Time, error) {
	for {
		found, err := net.DefaultResolver.LookupHost(ctx, name)
		var unknown *net.DNSError
		switch {
		case err == nil && !slices.Contains(found, address), errors.As(err, &unknown) && unknown.IsNotFound:
			return time.Now(), nil
		case err != nil:
			return time.Time{}, err
		}
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}
