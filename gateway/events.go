package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

const (
	// eventPause is the least time between two events of a stream: a person watches, or a program that reads the newest.
	eventPause = 500 * time.Millisecond
	// still is after how long there is an event without a change: the connection is kept, and whether the watcher may still
	// look is asked again.
	still = 5 * time.Second
)

// events tells how a list stands, now and after each change until it is over: `status`, and at last `gone` if it is not over
// but there is nothing more to be told.
func (g *Gateway) events(w http.ResponseWriter, r *http.Request, list types.NamespacedName) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(g.ctx, cancel)()
	wl, err := g.read(ctx, list)
	if g.ctx.Err() != nil {
		err = errClosed
	}
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	tell := func(wl *v1alpha1.Worklist) error {
		if _, err := g.permit(r, "get", list); err != nil { // it may have been taken from the watcher meanwhile
			return err
		}
		if err := send(w, "status", &wl.Status); err != nil || wl.Status.Phase().Over() {
			return io.EOF
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(eventPause):
			return nil
		}
	}
	for err == nil {
		if err = g.follow(ctx, wl, tell); err == nil {
			wl, err = g.read(ctx, list)
		}
	}
	if g.ctx.Err() != nil {
		err = errClosed
	}
	if err != io.EOF {
		send(w, "gone", struct {
			Message string `json:"message"`
		}{err.Error()})
	}
}

// follow tells of a list until the watch of it breaks off, or telling fails.
func (g *Gateway) follow(ctx context.Context, wl *v1alpha1.Worklist, tell func(*v1alpha1.Worklist) error) error {
	list := types.NamespacedName{Namespace: wl.Namespace, Name: wl.Name}
	watcher, err := g.o.Callers.Watch(ctx, &v1alpha1.WorklistList{}, ctrl.InNamespace(list.Namespace), ctrl.MatchingFields{"metadata.name": list.Name},
		&ctrl.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: wl.ResourceVersion}})
	if err != nil {
		return fmt.Errorf("the gateway watches worklist %s: %w", list, err)
	}
	defer watcher.Stop()
	pulse := time.NewTicker(still)
	defer pulse.Stop()
	for {
		if err := tell(wl); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pulse.C:
		case e, ok := <-watcher.ResultChan():
			for more := true; more; { // of several changes the last is told
				switch {
				case !ok || e.Type == watch.Error:
					return nil
				case e.Type == watch.Deleted:
					return missing(list)
				case e.Type == watch.Added, e.Type == watch.Modified:
					wl = complete(e.Object.(*v1alpha1.Worklist))
				}
				select {
				case e, ok = <-watcher.ResultChan():
				default:
					more = false
				}
			}
		}
	}
}

// send writes one server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html).
func send(w http.ResponseWriter, event string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	c := http.NewResponseController(w)
	c.SetWriteDeadline(time.Now().Add(slowest))
	if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", event, data); err != nil {
		return err
	}
	return c.Flush()
}
