package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// WorkOptions of [Client.Work]. The zero value works.
type WorkOptions struct {
	Worker   string       // unique among those at work; default WorkerName()
	Parallel int          // blocks worked on at the same time; default 1
	Command  []string     // what is run, for lists that are bound to a command
	Log      *slog.Logger // default slog.Default()

	// ReportEvery is how often what blocks report ahead of their end is sent. Default: with each heartbeat.
	ReportEvery time.Duration

	// Drain, once closed, stops taking blocks; Work returns when those in work are done.
	Drain <-chan struct{}
}

const (
	// longPoll is how long a worker without work waits at the server.
	longPoll = 30 * time.Second
	// farewell is how long the last reports may take once ctx has ended.
	farewell = 10 * time.Second
)

// Work claims blocks of a list, or where the name is "" of all lists by their priority and weight, and calls do for each, until the list is over, drained, or ctx ends. Leases are renewed
// meanwhile, and what blocks reported ahead of their end is sent along. It goes on through restarts of the server. The
// error is nil when the list is over, whatever its outcome, and when it was drained. When ctx ends, so do the contexts of
// the blocks in work; what they have not reported is given back.
func (c *Client) Work(ctx context.Context, name string, do func(context.Context, *Block) error, o WorkOptions) error {
	if o.Worker == "" {
		o.Worker = WorkerName()
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	o.Parallel = max(1, o.Parallel)
	w := &work{client: c, name: name, reports: map[string][]outgoing{}, due: map[string]bool{}, do: do, o: o, log: o.Log.With("worklist", name, "worker", o.Worker),
		held: map[*Block]struct{}{}, nudge: make(chan struct{}, 1), finished: make(chan *Block), exchanged: make(chan exchanged), polled: make(chan polled)}
	for slot := o.Parallel; slot > 0; slot-- {
		w.free = append(w.free, slot)
	}
	return w.run(ctx)
}

// WorkerName makes a name that is unique.
func WorkerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "worker"
	}
	return fmt.Sprintf("%.200s-%d-%s", host, os.Getpid(), rand.Text()[:5])
}

// work is a running worker. Its fields belong to run's goroutine; calls and blocks run in goroutines of their own, which
// all end before run returns.
type work struct {
	client *Client
	name   string // of the list; "": of any list
	do     func(context.Context, *Block) error
	o      WorkOptions
	log    *slog.Logger

	free    []int // slots
	held    map[*Block]struct{}
	reports map[string][]outgoing // to be sent, by list

	renewal  time.Time       // when the leases of what is held are to be renewed next
	interval time.Duration   // between renewals
	due      map[string]bool // lists whose leases are to be renewed now

	calling, polling bool // an exchange, a waiting claim is under way
	hungry           bool // the last claim got nothing: wait at the server
	over             bool // no more blocks are to be had, or wanted
	err              error

	nudge     chan struct{} // capacity 1: a block has a lot to report
	finished  chan *Block
	exchanged chan exchanged
	polled    chan polled
}

// outgoing is a report that has yet to get its token: a renewal on the way may bring the block a new one.
type outgoing struct {
	block *Block
	v1alpha1.Report
}

type exchanged struct {
	list    string
	renewed []*Block // in the order of the request's renew
	resp    *v1alpha1.ExchangeResponse
	err     error
}

type polled struct {
	resp *v1alpha1.ClaimResponse
	err  error
}

func (w *work) run(ctx context.Context) error {
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx)) // they outlive ctx, to say farewell
	defer stopCalls()
	polls, stopPolls := context.WithCancel(ctx)
	defer stopPolls()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	done, drain := ctx.Done(), w.o.Drain
	for {
		w.call(calls)
		w.poll(polls)
		if w.over && len(w.held) == 0 && len(w.reports) == 0 && !w.calling && !w.polling {
			if w.err == nil {
				w.err = ctx.Err()
			}
			return w.err
		}
		if len(w.held) > 0 && !w.calling { // the end of a call brings us here again
			timer.Reset(time.Until(w.renewal))
		}
		select {
		case b := <-w.finished:
			delete(w.held, b)
			w.free = append(w.free, b.Slot)
			if !b.lost {
				w.tell(b, b.final)
			}
		case x := <-w.exchanged:
			w.calling = false
			w.exchange(ctx, x)
		case p := <-w.polled:
			w.polling, w.hungry = false, false
			if p.err == nil {
				w.take(ctx, p.resp)
			} else if polls.Err() == nil {
				w.fail(p.err)
			}
		case <-w.nudge:
			w.gather()
		case <-timer.C:
		case <-drain:
			drain, w.over = nil, true
			stopPolls()
		case <-done:
			done, w.over = nil, true
			defer time.AfterFunc(farewell, stopCalls).Stop()
		}
		if w.over {
			stopPolls()
		}
	}
}

// call starts an exchange when there is something to say or to ask, and none is under way.
func (w *work) call(ctx context.Context) {
	if w.calling {
		return
	}
	if len(w.held) > 0 && !time.Now().Before(w.renewal) {
		w.gather()
		for b := range w.held {
			w.due[b.Worklist] = true
		}
		w.renewal = time.Now().Add(w.interval)
	}
	claim := w.name != "" && !w.over && !w.polling && !w.hungry && len(w.free) > 0
	list, ok := w.next()
	if !ok && !claim {
		return
	}
	if !ok {
		list = w.name
	}
	req := &v1alpha1.ExchangeRequest{ClaimRequest: v1alpha1.ClaimRequest{Worker: w.o.Worker, Command: w.o.Command}}
	if claim {
		req.Blocks, req.Request = len(w.free), rand.Text()
	}
	x := exchanged{list: list}
	if w.due[list] {
		delete(w.due, list)
		for b := range w.held {
			if b.Worklist == list {
				req.Renew = append(req.Renew, b.current())
				x.renewed = append(x.renewed, b)
			}
		}
	}
	req.Reports = w.batch(list)
	w.calling = true
	go func() {
		x.err = w.persist(ctx, func() (err error) {
			x.resp, err = w.client.Exchange(ctx, list, req)
			return err
		})
		w.exchanged <- x
	}()
}

// next is a list that there is something to say about.
func (w *work) next() (string, bool) {
	for list := range w.due {
		return list, true
	}
	for list := range w.reports {
		return list, true
	}
	return "", false
}

// tell has reports sent.
func (w *work) tell(b *Block, reports []v1alpha1.Report) {
	for _, r := range reports {
		w.reports[b.Worklist] = append(w.reports[b.Worklist], outgoing{b, r})
	}
}

// gather takes what the blocks in work have to report.
func (w *work) gather() {
	for b := range w.held {
		w.tell(b, b.news())
	}
}

// batch takes as many reports of a list as one call takes.
func (w *work) batch(list string) (out []v1alpha1.Report) {
	all := w.reports[list]
	for weight := 0; len(out) < len(all); {
		x := all[len(out)]
		if weight += weigh(&x.Report); weight > 6*reportWeight && len(out) > 0 {
			break
		}
		x.Token = x.block.current()
		out = append(out, x.Report)
	}
	if w.reports[list] = all[len(out):]; len(out) == len(all) {
		delete(w.reports, list)
	}
	return out
}

// poll waits at the server for blocks when the last claim got none.
func (w *work) poll(ctx context.Context) {
	if w.over || w.polling || w.calling || !w.hungry && w.name != "" || len(w.free) == 0 {
		return
	}
	req := &v1alpha1.ClaimRequest{Worker: w.o.Worker, Command: w.o.Command, Blocks: len(w.free), Request: rand.Text(),
		Wait: &metav1.Duration{Duration: longPoll}}
	w.polling = true
	go func() {
		var p polled
		p.err = w.persist(ctx, func() (err error) {
			if w.name == "" {
				p.resp, err = w.client.ClaimAny(ctx, req)
			} else {
				p.resp, err = w.client.Claim(ctx, w.name, req)
			}
			return err
		})
		w.polled <- p
	}()
}

// persist repeats a call while the server cannot be reached: it may be restarting, and the blocks in work go on.
func (w *work) persist(ctx context.Context, call func() error) error {
	for {
		err := call()
		var p *Problem
		if err == nil || ctx.Err() != nil || errors.As(err, &p) && p.Status != http.StatusServiceUnavailable && p.Status != http.StatusBadGateway {
			return err
		}
		w.log.Warn("the server does not answer; trying on", "error", err)
	}
}

// exchange takes in the answer to an exchange.
func (w *work) exchange(ctx context.Context, x exchanged) {
	if x.err != nil {
		w.refused(x.list, x.err)
		return
	}
	for i, b := range x.renewed {
		if i >= len(x.resp.Renewed) {
			break
		}
		if r := x.resp.Renewed[i]; r.Status == v1alpha1.ReportAccepted {
			b.renewed(r.Token) // what it reported since is still to be sent
		} else if _, held := w.held[b]; held {
			w.log.Warn("a block is lost", "index", b.Index, "size", b.Size, "reason", r.Message)
			b.lost = true
			b.cancel(fmt.Errorf("%w: %s", ErrLost, r.Message))
		}
	}
	for _, rc := range x.resp.Receipts {
		if rc.Status != v1alpha1.ReportDuplicate {
			w.log.Warn("a report was refused", "status", rc.Status, "reason", rc.Message)
		}
	}
	w.take(ctx, &x.resp.ClaimResponse)
}

// refused takes in that an exchange had an answer that will not change. A worker that serves all lists goes on with the
// others: a list may be deleted while it has blocks of it.
func (w *work) refused(list string, err error) {
	if w.name != "" {
		w.fail(err)
		return
	}
	w.log.Warn("a list is given up", "list", list, "error", err)
	delete(w.reports, list)
	for b := range w.held {
		if b.Worklist == list {
			b.lost = true
			b.cancel(err)
		}
	}
}

// take starts the blocks that were claimed.
func (w *work) take(ctx context.Context, resp *v1alpha1.ClaimResponse) {
	if resp.LeaseSeconds > 0 {
		w.interval = time.Duration(resp.LeaseSeconds / 3 * float64(time.Second))
		if every := w.o.ReportEvery; every > 0 {
			w.interval = min(w.interval, every)
		}
	}
	switch {
	case len(resp.Leases) > 0:
		w.hungry = false
	case resp.None == v1alpha1.NoneOver:
		w.over = true
		for b := range w.held {
			b.lost = true
			b.cancel(fmt.Errorf("%w: %s", ErrLost, resp.Message))
		}
	case resp.None != "":
		w.hungry = true
	}
	list := w.name
	if list == "" {
		list = resp.Worklist
	}
	for _, lease := range resp.Leases {
		blockCtx, cancel := context.WithCancelCause(ctx)
		b := &Block{Lease: lease, token: lease.Token, nudge: w.nudge, Worklist: list, Slot: w.free[len(w.free)-1], cancel: cancel}
		w.free = w.free[:len(w.free)-1]
		w.held[b] = struct{}{}
		if len(w.held) == 1 {
			w.renewal = time.Now().Add(w.interval)
		}
		go func() {
			defer cancel(nil)
			begun := time.Now()
			err := w.do(blockCtx, b)
			if err != nil && blockCtx.Err() != nil {
				err = ErrRelease // cut off, not failed
			}
			b.final = b.last(err, time.Since(begun).Seconds())
			w.finished <- b
		}()
	}
}

// fail ends the work because of an answer that will not change: the list does not exist, the token is wrong ...
func (w *work) fail(err error) {
	w.over = true
	if w.err == nil {
		w.err = err
	}
	for b := range w.held {
		b.cancel(err)
	}
}
