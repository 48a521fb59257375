package worklists

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

// Reconciler carries out what [Decide] decides.
type Reconciler struct {
	Client    client.Client // writes, and reads what may be a little old
	Live      client.Reader // reads from the API server itself
	Events    events.EventRecorder
	MostInAll int // Blocks in the cluster, above which those that wait are turned away; 0: no bound

	// Lists says now and then of which lists there are Blocks: one that is over, or is not there, is not looked at otherwise.
	Lists <-chan event.TypedGenericEvent[types.NamespacedName]
}

const (
	// busy is how many writes of one decision are under way at a time.
	busy = 16
	// poll is how often a list is looked at although nothing was seen to happen: an event may have been missed, and its
	// progress shows what its workers have done meanwhile.
	poll = 10 * time.Second
	// soon is when a decision that came too late is made anew.
	soon = 20 * time.Millisecond
)

// Reconcile looks at the objects as they are, decides, and acts.
func (r *Reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	var list v1alpha1.Worklist
	found := r.Live.Get(ctx, req.NamespacedName, &list)
	if client.IgnoreNotFound(found) != nil {
		return reconcile.Result{}, fmt.Errorf("read worklist %s: %w", req, found)
	}
	var blocks v1alpha1.BlockList // after the list: see the package's doc
	if err := r.Live.List(ctx, &blocks, client.InNamespace(req.Namespace), client.MatchingFields{"spec.worklist": req.Name}); err != nil {
		return reconcile.Result{}, fmt.Errorf("read the blocks of %s: %w", req, err)
	}
	if found != nil {
		return r.abandon(ctx, req.NamespacedName, blocks.Items)
	}
	s := Situation{Now: time.Now(), List: &list, Blocks: blocks.Items}
	if err := r.look(ctx, &s); err != nil {
		return reconcile.Result{}, err
	}
	return r.act(ctx, &list, Decide(s), s.Now)
}

// act writes the status, and only then the rest. Where the status has changed meanwhile the whole decision is forgotten.
func (r *Reconciler) act(ctx context.Context, list *v1alpha1.Worklist, plan Plan, now time.Time) (reconcile.Result, error) {
	if plan.Changed {
		list.Status = plan.Status
		err := r.Client.Status().Update(ctx, list)
		switch {
		case apierrors.IsConflict(err):
			return reconcile.Result{RequeueAfter: soon + rand.N(soon)}, nil
		case apierrors.IsNotFound(err):
			return reconcile.Result{RequeueAfter: soon}, nil
		case err != nil: // it may have landed all the same: the next decision begins with what is there
			return reconcile.Result{}, fmt.Errorf("write the status of worklist %s/%s: %w", list.Namespace, list.Name, err)
		}
	} else if len(plan.Tell)+len(plan.Discard) > 0 {
		if same, err := r.unchanged(ctx, client.ObjectKeyFromObject(list), list.ResourceVersion); err != nil || !same {
			return reconcile.Result{RequeueAfter: soon}, err
		}
	}
	for _, e := range plan.Events {
		r.record(list, e)
	}
	late, err := r.carryOut(ctx, list, plan)
	if err != nil {
		return reconcile.Result{}, err
	}
	result := reconcile.Result{}
	if !list.Status.Phase().Over() && list.DeletionTimestamp.IsZero() {
		result.RequeueAfter = poll
	}
	if late {
		result.RequeueAfter = soon
	}
	if !plan.Again.IsZero() {
		if wait := max(time.Millisecond, plan.Again.Sub(now)); result.RequeueAfter == 0 || wait < result.RequeueAfter {
			result.RequeueAfter = wait
		}
	}
	return result, nil
}

// unchanged tells whether a list is still of that version; "": there is none. Where no status is written, which would be refused
// otherwise, it has to be asked before Blocks lose anything: they were read after the list, and may show what was decided since.
func (r *Reconciler) unchanged(ctx context.Context, name types.NamespacedName, version string) (bool, error) {
	var list v1alpha1.Worklist
	if err := r.Live.Get(ctx, name, &list); client.IgnoreNotFound(err) != nil {
		return false, fmt.Errorf("read worklist %s once more: %w", name, err)
	}
	return list.ResourceVersion == version, nil
}

// carryOut writes to the Blocks. late tells that some had changed: then the next decision sees to them.
func (r *Reconciler) carryOut(ctx context.Context, list *v1alpha1.Worklist, plan Plan) (late bool, err error) {
	var writes []func(context.Context) error
	for _, g := range plan.Give {
		writes = append(writes, func(ctx context.Context) error { return r.give(ctx, list, g) })
	}
	for _, n := range plan.Tell {
		writes = append(writes, func(ctx context.Context) error { return r.tell(ctx, n) })
	}
	for _, b := range plan.Discard {
		writes = append(writes, func(ctx context.Context) error { return r.discard(ctx, b) })
	}
	results := make([]error, len(writes))
	var group errgroup.Group
	group.SetLimit(busy)
	for i, write := range writes {
		group.Go(func() error {
			results[i] = write(ctx)
			return nil
		})
	}
	group.Wait()
	var failed []error
	for _, err := range results {
		if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
			late = true
		} else if err != nil {
			failed = append(failed, err)
		}
	}
	return late, errors.Join(failed...)
}

// abandon lets go of the Blocks of a list that is gone.
func (r *Reconciler) abandon(ctx context.Context, name types.NamespacedName, blocks []v1alpha1.Block) (reconcile.Result, error) {
	var plan Plan
	for i := range blocks {
		b := &blocks[i]
		switch {
		case !b.DeletionTimestamp.IsZero(), len(b.OwnerReferences) > 0, b.Status.Index != nil:
			plan.Discard = append(plan.Discard, b)
		case b.Status.Phase() != noWorklist:
			plan.Tell = append(plan.Tell, Notice{b, noWorklist, "there is no worklist " + name.Name + " in the namespace " + name.Namespace})
		}
	}
	if same, err := r.unchanged(ctx, name, ""); err != nil || !same { // made anew: that is an event
		return reconcile.Result{}, err
	}
	late, err := r.carryOut(ctx, nil, plan)
	if late && err == nil {
		return reconcile.Result{RequeueAfter: soon}, nil
	}
	return reconcile.Result{}, err
}

// noWorklist is where a Block stands that asks for work of a list that does not exist.
const noWorklist v1alpha1.BlockPhase = "NoWorklist"

// record says what has become of a list. It is named without its version: so events for the same reason become one, which counts.
func (r *Reconciler) record(list *v1alpha1.Worklist, e Event) {
	kind := "Normal"
	if e.Warning {
		kind = "Warning"
	}
	about := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Namespace: list.Namespace, Name: list.Name, UID: list.UID}}
	r.Events.Eventf(about, nil, kind, e.Reason, "HandOut", "%s", e.Text)
}
