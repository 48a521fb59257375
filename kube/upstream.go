package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// Options of an Upstream. Client, Namespace, List and Worker must be set; the zero value of the others works.
type Options struct {
	Client    ctrl.WithWatch
	Namespace string
	List      string
	Worker    string // unique among those at work; 253 characters at most

	// Bulk lets Blocks be as large as the tier asks for. Without it they are as the list says.
	Bulk bool
	// Most is how many Blocks are held or asked for at a time; 0: no bound.
	Most int
	// Lazy is for a tier that lives and dies with its workers: what is done of a Block is accepted at once, and written with
	// the next renewal or the Block's end, so that small blocks cost no writes. Without it what is accepted is written.
	Lazy bool
	// Bound is for workers that have read what the items are: one Worklist is served, and one that is made anew under its name,
	// whose items may be others, is not found.
	Bound bool

	Pace   *rate.Limiter      // of writes; nil: no bound
	Writes prometheus.Counter // counts writes, refused ones included; nil: nobody counts
	// Fatal is told of what asking again will not mend: a right that is missing, definitions that are not installed. It may be
	// told more than once.
	Fatal func(error)
	Log   *slog.Logger // default slog.Default()
}

// Upstream is a Worklist with its Blocks as the upstream of one tier: a server.Upstream. Close it.
type Upstream struct {
	o Options

	ctx   context.Context // ends with the upstream
	stop  context.CancelFunc
	loops sync.WaitGroup
	begin sync.Once // of the loop that keeps alive

	mu      sync.Mutex
	held    map[types.UID]*holding
	changed chan struct{}      // closed, and made anew, when something in held changes
	list    *v1alpha1.Worklist // as it was last read
	read    time.Time          // when; zero: it is to be read anew
	asking  string             // name of a Block that may have been created
	rest    time.Time          // no Block is created before
	refused int                // Blocks in a row that were turned away
	granted map[operation]bool // what has worked before
	denied  map[operation]time.Time
	leaving bool // see Leave
}

const (
	// hearing is how long an answer is waited for before a call is repeated.
	hearing = 15 * time.Second
	// grace is how long a right that was there may be missing: an API server that has just started does not know all yet. doubt is
	// how long another one may, if any was there.
	grace, doubt = time.Minute, 10 * time.Second
	// freshness is how old a Worklist may be that is looked at again, where nothing says that it has changed: hundreds of
	// workers look every few seconds.
	freshness = 15 * time.Second
	// introduction is how long a controller may take to look at a new Worklist.
	introduction = 20 * time.Second
)

// New makes an upstream. It asks nothing of the API server yet.
func New(o Options) *Upstream {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Log = o.Log.With("namespace", o.Namespace, "worklist", o.List)
	u := &Upstream{o: o, held: map[types.UID]*holding{}, changed: make(chan struct{}), granted: map[operation]bool{}, denied: map[operation]time.Time{}}
	u.ctx, u.stop = context.WithCancel(context.Background())
	return u
}

// Get is the list with its size filled in. It waits a little for a controller to look at a new one.
func (u *Upstream) Get(ctx context.Context, list string) (*v1alpha1.Worklist, error) {
	if list != u.o.List {
		return nil, &client.Problem{Status: http.StatusNotFound, Title: "Not Found", Detail: fmt.Sprintf("this is about worklist %s, not %s", u.o.List, list)}
	}
	wl, err := u.look(ctx)
	if err == nil && wl.Status.Phase() == "" {
		short, cancel := context.WithTimeout(ctx, introduction)
		defer cancel()
		if wl, err = u.await(short, wl, func(wl *v1alpha1.Worklist) bool { return wl.Status.Phase() != "" }); short.Err() != nil && ctx.Err() == nil {
			return nil, fmt.Errorf("no controller has looked at worklist %s in the namespace %s yet: is teamtask-controller running in this cluster?", list, u.o.Namespace)
		}
	}
	if err != nil {
		return nil, err
	}
	wl = wl.DeepCopy()
	if wl.Spec.Size == 0 {
		wl.Spec.Size = wl.Status.Size
	}
	if wl.Spec.Size == 0 {
		return nil, &client.Problem{Status: http.StatusUnprocessableEntity, Title: "Unprocessable Entity",
			Detail: fmt.Sprintf("worklist %s in the namespace %s cannot be worked on: %s", list, u.o.Namespace, wl.Status.Reason())}
	}
	return wl, nil
}

// look reads the list, unless it was read just now. What it returns is not to be changed.
func (u *Upstream) look(ctx context.Context) (*v1alpha1.Worklist, error) {
	u.mu.Lock()
	wl, at := u.list, u.read
	u.mu.Unlock()
	if wl != nil && time.Since(at) < freshness {
		return wl, nil
	}
	wl = &v1alpha1.Worklist{}
	op := operation{"get", "worklists"}
	begun := time.Now()
	err := u.call(ctx, op, func(ctx context.Context) error {
		return u.o.Client.Get(ctx, types.NamespacedName{Namespace: u.o.Namespace, Name: u.o.List}, wl)
	})
	if err != nil {
		return nil, explain(op, u.o.Namespace, u.o.List, err)
	}
	return wl, u.know(wl, begun)
}

// know takes in a list that was read at that time. What is held of another one that had its name is nobody's any more.
func (u *Upstream) know(wl *v1alpha1.Worklist, at time.Time) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.list == nil || u.list.UID == wl.UID:
	case !u.o.Bound:
		for uid := range u.held {
			u.drop(uid)
		}
	default:
		return &client.Problem{Status: http.StatusNotFound, Title: "Not Found",
			Detail: fmt.Sprintf("worklist %s in the namespace %s was deleted and made anew; start its workers anew, too", wl.Name, wl.Namespace)}
	}
	u.list, u.read = wl, at
	return nil
}

// lease is how long a Block is held without a renewal.
func (u *Upstream) lease() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	return leaseOf(u.list)
}

func leaseOf(wl *v1alpha1.Worklist) time.Duration {
	if wl != nil && wl.Spec.Block.Timeout != nil {
		return wl.Spec.Block.Timeout.Duration
	}
	return time.Minute
}

// call does one call: paced and counted if it writes, and cut off where nobody answers.
func (u *Upstream) call(ctx context.Context, op operation, do func(context.Context) error) error {
	if op.writes() {
		if u.o.Pace != nil {
			if err := u.o.Pace.Wait(ctx); err != nil {
				return err
			}
		}
		if u.o.Writes != nil {
			u.o.Writes.Inc()
		}
	}
	ctx, cancel := context.WithTimeout(ctx, hearing)
	defer cancel()
	err := do(ctx)
	u.note(op, err)
	return err
}

// note says what is fatal. A right is missed for a while first, but for the very first one.
func (u *Upstream) note(op operation, err error) {
	u.mu.Lock()
	switch {
	case err == nil, apierrors.IsConflict(err):
		u.granted[op] = true
		delete(u.denied, op)
	case op.hopeless(err) && u.denied[op].IsZero():
		u.denied[op] = time.Now()
	}
	patience := grace
	switch {
	case len(u.granted) == 0:
		patience = 0
	case !u.granted[op]:
		patience = doubt
	}
	fatal := op.hopeless(err) && time.Since(u.denied[op]) >= patience
	u.mu.Unlock()
	if fatal && u.o.Fatal != nil {
		u.o.Fatal(explain(op, u.o.Namespace, u.o.List, err))
	}
}

// Leave says that what is held is about to be given back. From now on a right that is missing is not waited for, and what cannot be
// written without it is left as it is: most likely the list was deleted, with the account that worked on it, and its Blocks go as well.
func (u *Upstream) Leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.leaving = true
}

// leave tells why a Block is left as it is, where a call about it is not to be repeated because the worker is about to end; "": it
// is to be repeated.
func (u *Upstream) leave(op operation, name string, err error) (lost string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.leaving || !op.hopeless(err) {
		return ""
	}
	u.o.Log.Debug("a Block is left as it is", "call", op, "block", name, "error", err)
	return explain(op, u.o.Namespace, name, err).Error()
}

// Close gives back what is held, deletes what was asked for, and ends. What is left when ctx ends is taken back by the
// controller when its lease has run out.
func (u *Upstream) Close(ctx context.Context) error {
	u.Leave()
	var errs []error
	for uid, h := range u.all() {
		if err := u.giveUp(ctx, uid, h); err != nil {
			errs = append(errs, fmt.Errorf("give back Block %s: %w", h.name, err))
		}
	}
	u.update(u.stop) // no loop begins after that
	u.loops.Wait()
	return errors.Join(errs...)
}
