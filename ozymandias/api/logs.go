package api

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// logs answers with what an instance's containers have written, as lines of JSON.
func (a *API) logs(w http.ResponseWriter, r *http.Request) {
	left, err := a.left(r)
	switch {
	case err != nil:
		write(w, err)
		return
	case left != nil:
		a.leftBehind(w, r, left)
		return
	}
	in, names, err := a.containers(r)
	if err == nil {
		err = a.kept(in)
	}
	if err != nil {
		write(w, err)
		return
	}
	a.on(w, r, in.Node, func(w http.ResponseWriter, r *http.Request) {
		wanted, previous, err := logQuery(r)
		var found map[string]log
		if err == nil {
			found, err = a.written(r.Context(), in, names, wanted, previous)
		}
		if err != nil {
			write(w, err)
			return
		}
		send(w, r, found)
	})
}

// send answers with logs, by container. If the node ends meanwhile, the answer breaks off: with an end, it would look like all there is.
func send(w http.ResponseWriter, r *http.Request, logs map[string]log) {
	w.Header().Set("Content-Type", "application/jsonl")
	lines := &lineWriter{to: json.NewEncoder(w), flush: http.NewResponseController(w).Flush}
	var reading sync.WaitGroup
	for name, log := range logs {
		reading.Go(func() { read(r.Context(), lines, name, log) })
	}
	reading.Wait()
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler)
	}
}

// A departed is an instance that is not, or no longer, on the node on which a call wants to know what it wrote.
type departed struct {
	schedule.Instance
	name, node string
}

// left is the instance that a call is about, if that names a node on which it is not.
func (a *API) left(r *http.Request) (*departed, error) {
	name, node := r.PathValue("name"), r.URL.Query().Get("node")
	if node == "" {
		return nil, nil
	}
	v, err := a.view()
	if err != nil {
		return nil, err
	}
	if v.Node(node) == nil {
		return nil, none("node", node)
	}
	if in, ok := v.find(name); ok && in.Node == node {
		return nil, nil
	}
	of, ok := v.split(name)
	if !ok {
		return nil, v.noInstance(name)
	}
	return &departed{of, name, node}, nil
}

// leftBehind answers with what a node has kept of an instance.
func (a *API) leftBehind(w http.ResponseWriter, r *http.Request, left *departed) {
	a.on(w, r, left.node, func(w http.ResponseWriter, r *http.Request) {
		wanted, previous, err := logQuery(r)
		if err == nil && previous {
			err = v1.NotFound.New("%s is not on %s; of what has gone only the last attempt is kept: ask without previous", left.name, left.node)
		}
		container, logs := r.URL.Query().Get("container"), map[string]log{}
		for _, name := range a.Logs.Containers(left.Instance) {
			if container == "" || container == name {
				logs[name] = a.Logs.Read(left.Instance, name, wanted)
			}
		}
		if err == nil && len(logs) == 0 {
			whose := left.name
			if container != "" {
				whose = container + " of " + left.name
			}
			err = v1.NotFound.New("nothing is kept on %s of what %s wrote there", left.node, whose)
		}
		if err != nil {
			write(w, err)
			return
		}
		send(w, r, logs)
	})
}

// A log is what a container has written, an error the last that it yields.
type log = iter.Seq2[podman.Line, error]

// over tells whether nothing of an instance runs any more, for good.
func over(in v1.Instance) bool {
	return slices.Contains([]schedule.Phase{schedule.Ended, schedule.Broken, v1.InstanceComplete, v1.InstanceFailed}, in.Phase)
}

// kept says if the logs of an instance that has ended cannot be read because its node is lost.
func (a *API) kept(in v1.Instance) error {
	if now, _, _ := a.Mirror.State(); over(in) && (now.Node(in.Node) == nil || !now.Node(in.Node).Alive()) {
		return v1.NotRunning.New("%s has ended, and what it has written is on %s, which is lost: it can be read if that comes back", in.Name, in.Node)
	}
	return nil
}

// written are the logs of an instance's containers, by their own names: of what is there, of what ran before that or, of an instance that has
// ended, of what was there last.
func (a *API) written(ctx context.Context, in v1.Instance, names []string, wanted podman.Log, previous bool) (map[string]log, error) {
	if !previous {
		found, err := a.local(ctx, in, names)
		var p *v1.Problem
		if err == nil || !over(in) || !errors.As(err, &p) {
			logs := map[string]log{}
			for name, container := range found {
				if logs[name] = podman.ReadLog(container.Log, wanted); wanted.Follow {
					logs[name] = a.Podman.Logs(ctx, container.ID, wanted)
				}
			}
			return logs, err
		}
	}
	logs := map[string]log{}
	of := schedule.Instance{Job: in.UID, ID: in.ID}
	for _, name := range names {
		if a.Logs.Has(of, name) {
			logs[name] = a.Logs.Read(of, name, wanted)
		}
	}
	switch {
	case len(logs) > 0 && !(previous && over(in)):
		return logs, nil
	case previous && over(in):
		return nil, v1.NotFound.New("%s has ended; of what has ended only the last attempt is kept", in.Name)
	case previous:
		return nil, v1.NotFound.New("nothing is kept on %s of an earlier attempt of %s of %s; if it came from another node, as the job's events say, name that", in.Node, strings.Join(names, ", "), in.Name)
	}
	return nil, v1.NotFound.New("no log of %s is kept on %s: it was never started, or there was no room beside later ones", in.Name, in.Node)
}

// logQuery reads which lines are wanted, and whether it is those of the attempt before.
func logQuery(r *http.Request) (l podman.Log, previous bool, err error) {
	query := r.URL.Query()
	bad := func(name, value, instead string) error {
		p := v1.Invalid.New("%s %q: must be %s", name, value, instead)
		p.Errors = []v1.ErrorDetail{{Location: "query." + name, Message: "must be " + instead, Value: value}}
		return p
	}
	if value := query.Get("follow"); value != "" {
		if l.Follow, err = strconv.ParseBool(value); err != nil {
			return l, false, bad("follow", value, "true or false")
		}
	}
	if value := query.Get("previous"); value != "" {
		if previous, err = strconv.ParseBool(value); err != nil {
			return l, false, bad("previous", value, "true or false")
		}
	}
	if value := query.Get("tail"); value != "" {
		if l.Tail, err = strconv.Atoi(value); err != nil || l.Tail < 0 {
			return l, false, bad("tail", value, "a number of lines")
		}
	}
	if value := query.Get("since"); value != "" {
		if l.Since, err = time.Parse(time.RFC3339, value); err != nil {
			return l, false, bad("since", value, "a time such as 2026-01-02T15:04:05Z")
		}
	}
	return l, previous, nil
}

// read writes the lines of one container.
func read(ctx context.Context, to *lineWriter, container string, lines log) {
	for line, err := range lines {
		out := v1.LogLine{Time: line.Time, Container: container, Stderr: line.Stderr, Text: line.Text}
		if errors.Is(err, fs.ErrNotExist) {
			return // it was never started, or has just gone
		}
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
