package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

// errGone means that a keeper has given up its list: because a commit failed, another server owns it, it was deleted, or
// the server stops. The call may be repeated; it finds the next keeper.
var errGone = errors.New("the list is being taken over; repeat the call")

// keeper has a list that this server owns.
//
// Invariant: an answer that depends on news of the ledger is given only after the commit that holds the news. The batch in
// which a call waits is the one whose flush comes after the call's change.
type keeper struct {
	name, uid string
	command   []string // that the list is bound to, for ever
	journal   journal
	counters
	log     *slog.Logger
	sealers sync.Pool // of *worklist.Sealer: tokens are signed outside the lock

	mu      sync.Mutex
	ledger  *worklist.Ledger
	spec    v1alpha1.WorklistSpec
	policy  worklist.Policy // what the ledger goes by: the spec, and what else holds the list back
	batch   *batch          // gathers until the next commit
	flying  *batch          // is being committed; nil: none is
	waiting waiters         // claims that wait for a block
	watch   broadcast
	gone    bool

	ready func(context.Context) error // of a tier whose upstream has a bound: waits until it takes a commit; nil: at once

	low *stock // of a tier: what it has from upstream, and when to ask for more; nil: not a tier

	crowd       int          // calls that waited for the last commit,
	committed   time.Time    // when it began; both belong to the goroutine
	recordBytes atomic.Int64 // how much the record takes in the store

	onEnd func()        // called when it is durable that the list has ended
	dirty chan struct{} // capacity 1: there is something to commit, or the timer has to be set anew
	stop  context.CancelFunc
	ended chan struct{} // closed when the goroutine has ended
}

// batch is what the next commit makes durable, beside the ledger's news.
type batch struct {
	rows     rowBuffer
	waiting  int           // calls that wait for the commit
	refusals []refusal     // of a tier: what calls of this batch must not be told to have counted
	took     []took        // of a tier: how long its workers took
	done     chan struct{} // closed after the commit
	err      error         // set before done is closed, as are refusals
}

// journal is where a keeper's news becomes durable: the store, or for a tier its upstream. It is used by the keeper's
// goroutine.
type journal interface {
	// foldDue tells whether the next commit should bring the whole record.
	foldDue() bool
	// write makes a commit durable. Any error means that it may or may not be, and that the keeper must give up.
	write(context.Context, *commit) error
	// size is how many bytes the record takes.
	size() int
	// release gives the list back.
	release(context.Context) error
}

// commit is what is written at a time.
type commit struct {
	delta  worklist.Delta
	record []byte // the whole record instead, if not nil
	rows   []store.Rows
	policy v1alpha1.ResultsPolicy
	took   []took

	refused []loss // set by write: what of it was not counted
}

// took is how long a worker took for what it reported at once, of which that index was a part.
type took struct {
	index   int64
	seconds float64
}

func newBatch() *batch { return &batch{done: make(chan struct{})} }

// newKeeper is a keeper that is yet to be started.
func newKeeper(wl *v1alpha1.Worklist, l *worklist.Ledger, p worklist.Policy, j journal, secret []byte, n counters, log *slog.Logger) *keeper {
	k := &keeper{name: wl.Name, uid: string(wl.UID), command: wl.Spec.Command, journal: j, counters: n, log: log.With("worklist", wl.Name), ledger: l, spec: wl.Spec,
		policy: p, onEnd: func() {}, batch: newBatch(), dirty: make(chan struct{}, 1), ended: make(chan struct{})}
	k.sealers.New = func() any { return worklist.NewSealer(secret, k.uid) }
	return k
}

// start starts the keeper's goroutine, which ends when the keeper is closed or gives up.
func (k *keeper) start(ctx context.Context) {
	loop, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.stop = stop
	go k.run(loop)
}

// takeOver loads a list's record and starts its keeper.
func takeOver(ctx context.Context, t *store.Journal, wl *v1alpha1.Worklist, secret []byte, holders bool, onEnd func(), n counters, log *slog.Logger) (*keeper, error) {
	rec, err := t.Load(ctx)
	if err != nil {
		return nil, err
	}
	if rec.Size == 0 {
		rec.Size = wl.Spec.Size
	}
	p := wl.Policy()
	k := newKeeper(wl, worklist.Restore(rec, p, time.Now(), holders), p, stored{t}, secret, n, log)
	k.onEnd = onEnd

	// The takeover itself has to be durable first: it raises the epoch.
	record, err := json.Marshal(k.ledger.Record())
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", wl.Name, err)
	}
	k.ledger.Flush()
	if err := t.Fold(ctx, record, nil); err != nil {
		return nil, err
	}
	k.ledger.Confirm()
	k.log.Debug("list taken over", "epoch", k.ledger.Record().Epoch)

	k.start(ctx)
	return k, nil
}

// Ended is closed once the keeper has given up the list, or was closed.
func (k *keeper) Ended() <-chan struct{} { return k.ended }

// Close commits what there is, ends the goroutine and gives the list back.
func (k *keeper) Close(ctx context.Context) error {
	k.mu.Lock()
	if !k.gone {
		k.ledger.Close()
	}
	k.mu.Unlock()
	k.stop()
	<-k.ended
	return k.journal.release(ctx)
}

// run commits and lets time pass until ctx ends or a commit fails.
func (k *keeper) run(ctx context.Context) {
	defer close(k.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			// Last commit: what was answered is durable, what was not may be lost.
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			err := k.commit(last)
			cancel()
			k.giveUp(err)
			return
		case <-k.dirty:
			k.gather(ctx)
		case <-timer.C:
		}
		now := time.Now()
		k.mu.Lock()
		k.ledger.Tick(now)
		wake := k.serveWaiting(now)
		k.mu.Unlock()
		if err := k.commit(ctx); err != nil && ctx.Err() == nil {
			if !errors.Is(err, store.ErrLost) {
				k.log.Error("a commit failed; the list is taken over anew", "error", err)
			}
			k.giveUp(err)
			return
		}
		if wake.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(wake))
		}
	}
}

// gather lets a commit wait until a little after the last one began, if many waited for that: they will soon be back, and
// then share this one. A caller who is alone never waits, unless the upstream has to be waited for anyway.
func (k *keeper) gather(ctx context.Context) {
	if k.ready != nil && k.news() && k.ready(ctx) != nil {
		return
	}
	const many, rhythm = 4, 2 * time.Millisecond
	pause := rhythm - time.Since(k.committed)
	if k.crowd < many || pause <= 0 {
		return
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// news tells whether there is something to commit.
func (k *keeper) news() (news bool) {
	k.read(func(time.Time) { news = k.ledger.News() })
	return news
}

// commit makes durable what has gathered, and answers those who wait for it.
func (k *keeper) commit(ctx context.Context) error {
	k.mu.Lock()
	b := k.batch
	k.batch, k.flying = newBatch(), b
	k.crowd, k.committed = b.waiting, time.Now()
	news := k.ledger.News()
	over := k.ledger.Outcome().Over()
	c := commit{rows: b.rows.take(), policy: k.spec.Results, took: b.took}
	var err error
	if news && (k.journal.foldDue() || over) {
		c.record, err = json.Marshal(k.ledger.Record())
	}
	c.delta = k.ledger.Flush()
	k.mu.Unlock()

	if err == nil && (news || len(c.rows) > 0) {
		begun := time.Now()
		err = k.journal.write(ctx, &c)
		k.commits.Observe(time.Since(begun).Seconds())
	}
	k.recordBytes.Store(int64(k.journal.size()))
	k.mu.Lock()
	if err == nil {
		k.ledger.Confirm()
		k.void(c.refused)
	}
	k.flying = nil
	k.mu.Unlock()
	if err == nil {
		if news {
			k.watch.send()
		}
		if news && over {
			k.onEnd()
		}
	}
	if err != nil {
		b.err = gone(err)
	}
	close(b.done)
	return err
}

// giveUp refuses all calls from now on, those that wait included. The cause is a commit that failed; nil: none did.
func (k *keeper) giveUp(cause error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.gone = true
	k.batch.err = gone(cause)
	close(k.batch.done)
	k.waiting.refuse(gone(cause))
	k.watch.send()
}

// gone is errGone with its cause, if there is one: whatever it was, the call may be repeated.
func gone(cause error) error {
	if cause == nil {
		return errGone
	}
	return fmt.Errorf("%w (%w)", errGone, cause)
}

// lock takes the lock, unless the keeper has given up.
func (k *keeper) lock() error {
	k.mu.Lock()
	if k.gone {
		k.mu.Unlock()
		return errGone
	}
	return nil
}

// touch has the goroutine look: there is news, or time matters differently.
func (k *keeper) touch() {
	select {
	case k.dirty <- struct{}{}:
	default:
	}
}

// durable waits for a batch.
func (b *batch) durable(ctx context.Context) error {
	select {
	case <-b.done:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// change does f under the lock, lets waiting claims profit from it, and waits until it is durable if f says so.
func (k *keeper) change(ctx context.Context, f func(now time.Time, b *batch) (durable bool)) error {
	if err := k.lock(); err != nil {
		return err
	}
	now := time.Now()
	b := k.batch
	wait := f(now, b)
	if wait {
		b.waiting++
	}
	k.serveWaiting(now)
	k.lookAtStock()
	k.mu.Unlock()
	k.touch()
	if !wait {
		return nil
	}
	return b.durable(ctx)
}

// read does f under the lock.
func (k *keeper) read(f func(now time.Time)) error {
	if err := k.lock(); err != nil {
		return err
	}
	defer k.mu.Unlock()
	f(time.Now())
	return nil
}

// sealed is a lease as it goes to the worker.
func (k *keeper) sealed(leases []worklist.Lease) []v1alpha1.Lease {
	s := k.sealers.Get().(*worklist.Sealer)
	defer k.sealers.Put(s)
	out := make([]v1alpha1.Lease, len(leases))
	for i, x := range leases {
		out[i] = v1alpha1.Lease{Token: s.Seal(x.Token()), Index: x.Range.Start, Size: x.Range.Size(), Attempt: x.Attempt, Deadline: x.Deadline.UTC().Truncate(time.Millisecond)}
	}
	return out
}
