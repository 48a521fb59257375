package server

import (
	"container/list"
	"time"

	"teamtask.dev/worklist"
)

// waiters are the claims that wait for a block, first come, first served. They are served by whoever changes the ledger,
// under its lock, so that ten thousand waiting workers cost nothing until there is something for one of them.
type waiters struct {
	queue list.List // of *waiter
}

type waiter struct {
	claim  worklist.Claim
	answer chan answered // capacity 1
	at     *list.Element
}

type answered struct {
	grant worklist.Grant
	batch *batch // to wait for, if the grant has to be durable
	err   error
}

func (w *waiters) add(c worklist.Claim) *waiter {
	x := &waiter{claim: c, answer: make(chan answered, 1)}
	x.at = w.queue.PushBack(x)
	return x
}

// remove takes a waiter out that does not wait any longer; harmless where it was served meanwhile.
func (w *waiters) remove(x *waiter) { w.queue.Remove(x.at) }

func (w *waiters) refuse(err error) {
	for e := w.queue.Front(); e != nil; e = w.queue.Front() {
		w.queue.Remove(e)
		e.Value.(*waiter).answer <- answered{err: err}
	}
}

// serveWaiting gives blocks to those who wait, and returns when the ledger has to be looked at again: when time changes
// something by itself, or the first in the queue may be served. Zero: never.
func (k *keeper) serveWaiting(now time.Time) time.Time {
	var retry time.Time
	for e := k.waiting.queue.Front(); e != nil; {
		next := e.Next()
		x := e.Value.(*waiter)
		g := k.ledger.Claim(now, x.claim)
		switch {
		case len(g.Leases) > 0 || g.None == worklist.NoneOver:
			k.waiting.queue.Remove(e)
			x.answer <- answered{grant: g, batch: k.batch}
		case g.None != worklist.NoneWorkerLimit: // holds for all who wait
			retry, next = g.Retry, nil
		}
		e = next
	}
	wake := k.ledger.Wake()
	if wake.IsZero() || !retry.IsZero() && retry.Before(wake) {
		wake = retry
	}
	return wake
}
