package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/podman"
)

// logs answers with what an instance's containers have written, as lines of JSON.
func (a *API) logs(w http.ResponseWriter, r *http.Request) {
	in, names, err := a.containers(r)
	if err != nil {
		write(w, err)
		return
	}
	a.on(w, r, in.Node, func(w http.ResponseWriter, r *http.Request) {
		wanted, err := logQuery(r)
		if err != nil {
			write(w, err)
			return
		}
		found, err := a.local(r.Context(), in, names)
		if err != nil {
			write(w, err)
			return
		}
		w.Header().Set("Content-Type", "application/jsonl")
		lines := &lineWriter{to: json.NewEncoder(w), flush: http.NewResponseController(w).Flush}
		var reading sync.WaitGroup
		for name, container := range found {
			reading.Go(func() { a.read(r.Context(), lines, name, container.ID, wanted) })
		}
		reading.Wait()
	})
}

// logQuery reads which lines are wanted.
func logQuery(r *http.Request) (l podman.Log, err error) {
	query := r.URL.Query()
	bad := func(name, value, instead string) error {
		p := v1.Invalid.New("%s %q: must be %s", name, value, instead)
		p.Errors = []v1.ErrorDetail{{Location: "query." + name, Message: "must be " + instead, Value: value}}
		return p
	}
	if value := query.Get("follow"); value != "" {
		if l.Follow, err = strconv.ParseBool(value); err != nil {
			return l, bad("follow", value, "true or false")
		}
	}
	if value := query.Get("tail"); value != "" {
		if l.Tail, err = strconv.Atoi(value); err != nil || l.Tail < 0 {
			return l, bad("tail", value, "a number of lines")
		}
	}
	if value := query.Get("since"); value != "" {
		if l.Since, err = time.Parse(time.RFC3339, value); err != nil {
			return l, bad("since", value, "a time such as 2026-01-02T15:04:05Z")
		}
	}
	return l, nil
}

// read writes the lines of one container.
func (a *API) read(ctx context.Context, to *lineWriter, container, id string, l podman.Log) {
	for line, err := range a.Podman.Logs(ctx, id, l) {
		out := v1.LogLine{Time: line.Time, Container: container, Stderr: line.Stderr, Text: line.Text}
		if err != nil {
			var p *v1.Problem
			if ctx.Err() != nil || !errors.As(problem(err), &p) {
				return
			}
			out = v1.LogLine{Time: time.Now().UTC(), Container: container, Problem: p}
		}
		if to.write(out) != nil {
			return // whoever reads has gone
		}
	}
}

// lineWriter writes lines of several containers, each at once.
type lineWriter struct {
	mu    sync.Mutex
	to    *json.Encoder
	flush func() error
}

func (l *lineWriter) write(line v1.LogLine) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.to.Encode(line); err != nil {
		return err
	}
	return l.flush()
}
