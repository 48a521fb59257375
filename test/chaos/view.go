package chaos

import (
	"context"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// View is what a test sees of a namespace: every version of every object of some kinds, those of a kind in the order in which they were
// written. The lock is for what the test makes of it.
type View struct {
	sync.Mutex
	t       *testing.T
	changed chan struct{} // closed when something has
	broken  int
}

// NewView is a view in which nothing has been seen.
func NewView(t *testing.T) *View { return &View{t: t, changed: make(chan struct{})} }

// Follow has take be called, under the lock, for each event of these kinds from now on until the test ends.
func (v *View) Follow(c client.WithWatch, namespace string, take func(watch.EventType, client.Object), kinds ...client.ObjectList) {
	v.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var following sync.WaitGroup
	v.t.Cleanup(func() { stop(); following.Wait() })
	for _, list := range kinds {
		if err := c.List(v.t.Context(), list, client.InNamespace(namespace)); err != nil {
			v.t.Fatal(err)
		}
		following.Go(func() { v.follow(ctx, c, namespace, list, take) })
	}
}

// follow watches from the version of a list on. A watch that breaks off goes on where it was: no version is missed. Bookmarks tell how
// far it has come where nothing changes: the API server forgets old versions.
func (v *View) follow(ctx context.Context, c client.WithWatch, namespace string, list client.ObjectList, take func(watch.EventType, client.Object)) {
	for ctx.Err() == nil {
		events, err := c.Watch(ctx, list, client.InNamespace(namespace), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion(), AllowWatchBookmarks: true}})
		if err != nil {
			Pause(ctx, 100*time.Millisecond)
			continue
		}
		for e := range events.ResultChan() {
			o, ok := e.Object.(client.Object)
			if ctx.Err() != nil {
				break
			}
			if !ok {
				v.t.Errorf("the watch that looks after the test fails: %v", e.Object)
				return
			}
			list.SetResourceVersion(o.GetResourceVersion())
			if e.Type == watch.Bookmark {
				continue
			}
			v.Lock()
			take(e.Type, o)
			close(v.changed)
			v.changed = make(chan struct{})
			v.Unlock()
		}
		events.Stop()
	}
}

// Breach fails the test. It is called under the lock.
func (v *View) Breach(format string, args ...any) {
	v.t.Helper()
	if v.broken++; v.broken <= 10 { // one breach leads to more
		v.t.Errorf(format, args...)
	}
}

// Await waits until what is seen is as wanted; that is asked under the lock.
func (v *View) Await(ctx context.Context, wanted func() bool) error {
	look := func() (bool, chan struct{}) {
		v.Lock()
		defer v.Unlock()
		return wanted(), v.changed
	}
	for {
		ok, changed := look()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	}
}

// Pause waits for some time, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
