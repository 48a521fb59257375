package main

import (
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

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
