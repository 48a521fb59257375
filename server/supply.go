package server

import (
	"context"
	"crypto/rand"
	"reflect"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/worklist"
)

// stock is what a tier has from upstream, and says when it is too little. It belongs to the keeper's lock.
type stock struct {
	upstream *upstream
	enough   int64         // items, for the time being; 0: it is enough that nobody waits
	signal   chan struct{} // capacity 1: there is too little
}

// short tells whether there is too little at hand. A list that is over is short of nothing: should it be reopened upstream, this
// keeper is about to end, and what it claimed meanwhile could be lost with it.
func (k *keeper) short() bool {
	if k.ledger.Outcome().Over() {
		return false
	}
	stock := k.ledger.Stock()
	return stock < k.low.enough || stock == 0 && k.waiting.queue.Len() > 0
}

// lookAtStock has more fetched where there is too little at hand.
func (k *keeper) lookAtStock() {
	if k.low != nil && k.short() {
		select {
		case k.low.signal <- struct{}{}:
		default:
		}
	}
}

// lookAtQueue has more fetched where somebody waits for it.
func (k *keeper) lookAtQueue() {
	if k.waiting.queue.Len() > 0 {
		k.lookAtStock()
	}
}

// supply keeps a tier's keeper supplied with blocks from upstream, keeps their leases there, and looks how the list stands.
// Its fields belong to its goroutine.
type supply struct {
	tier     *Tier
	keeper   *keeper
	upstream *upstream
	spec     *v1alpha1.Worklist // as the upstream had it last

	bulk   int64     // size of the next block to be claimed,
	short  bool      // which is all that the upstream would give
	asked  time.Time // when the last one was
	lease  time.Duration
	idle   bool // at the last look nobody wanted anything
	claims chan *v1alpha1.ClaimResponse
}

const (
	// restock is how long a block claimed upstream should last: about as much is lost with a tier.
	restock = 5 * time.Second
	// supplyWait is how long a tier waits at its upstream for a block.
	supplyWait = 30 * time.Second
)

// run ends when ctx does, or when the keeper gives up.
func (s *supply) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s.lease = time.Minute // until a claim's answer says it
	s.claims = make(chan *v1alpha1.ClaimResponse)
	look := time.NewTicker(pollEvery)
	defer look.Stop()
	renew := time.NewTimer(s.lease / 3)
	defer renew.Stop()
	claiming := false
	s.look(ctx)
	for {
		low := s.keeper.low.signal
		if claiming {
			low = nil
		}
		select {
		case <-ctx.Done():
			if claiming {
				s.keep(<-s.claims)
			}
			select {
			case <-s.keeper.ended: // by itself: nobody else gives back what it had
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), peerTimeout)
				defer cancel()
				s.release(last)
			default:
			}
			return
		case <-s.keeper.ended:
			cancel()
		case <-low:
			if req := s.request(); req != nil {
				claiming = true
				go func() { s.claims <- s.claim(ctx, req) }()
			}
		case resp := <-s.claims:
			claiming = false
			lease := s.lease
			s.admit(ctx, resp)
			if s.lease != lease {
				renew.Reset(s.lease / 3)
			}
		case <-renew.C:
			s.renew(ctx)
			renew.Reset(s.lease / 3)
		case <-look.C:
			s.look(ctx)
			s.giveBack(ctx)
			s.keeper.read(func(time.Time) { s.keeper.lookAtQueue() })
		}
	}
}

// request asks for the next block. Its size grows while blocks are used up soon, and shrinks when they last, or when the
// upstream gives less: it shares out what is left. Nil: there is enough at hand, whatever was signalled meanwhile.
func (s *supply) request() *v1alpha1.ClaimRequest {
	s.keeper.mu.Lock()
	defer s.keeper.mu.Unlock()
	if !s.keeper.short() {
		return nil
	}
	switch used := time.Since(s.asked); {
	case s.asked.IsZero() || s.short:
	case used < restock/2:
		s.bulk *= 4
	case used > 2*restock:
		s.bulk /= 4
	}
	wanted := int64(s.keeper.waiting.queue.Len()+1) * max(1, s.spec.Spec.Block.Size)
	s.bulk = min(max(s.bulk, 2*wanted), worklist.MaxSize/8)
	s.keeper.low.enough = s.enough()
	s.asked = time.Now()
	return &v1alpha1.ClaimRequest{Worker: s.upstream.worker, Blocks: 1, Bulk: s.bulk, Request: rand.Text(),
		Wait: &metav1.Duration{Duration: supplyWait}}
}

// enough is how many items should be at hand.
func (s *supply) enough() int64 {
	if s.tier.o.OnDemand && !s.upstream.brisk() {
		return 0
	}
	return max(1, s.bulk/2)
}

// claim waits for a block. Nil: none could be had.
func (s *supply) claim(ctx context.Context, req *v1alpha1.ClaimRequest) *v1alpha1.ClaimResponse {
	resp, err := s.upstream.api.Claim(ctx, s.upstream.list, req)
	if err != nil {
		if ctx.Err() == nil {
			s.keeper.log.Warn("no block could be had from the upstream", "error", err)
		}
		pause := time.NewTimer(time.Second)
		defer pause.Stop()
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		return nil
	}
	return resp
}

// admit takes in what was claimed, and looks at once whether it is enough.
func (s *supply) admit(ctx context.Context, resp *v1alpha1.ClaimResponse) {
	if resp != nil && resp.LeaseSeconds > 0 {
		s.lease = time.Duration(resp.LeaseSeconds * float64(time.Second))
	}
	if resp != nil && len(resp.Leases) > 0 {
		gone := s.keeper.change(ctx, func(now time.Time, _ *batch) bool {
			for _, lease := range resp.Leases {
				s.keeper.refuse(s.keeper.ledger.Admit(now, s.upstream.admit(lease)), worklist.Fenced, "the block's lease upstream ran out, and it went out again")
				s.short = lease.Size < s.bulk
				s.bulk = min(s.bulk, lease.Size)
				s.keeper.low.enough = s.enough()
			}
			s.keeper.ledger.Upstream(resp.Unclaimed, "")
			return false
		})
		if gone != nil {
			s.keep(resp)
		}
		return
	}
	if resp != nil && resp.None == v1alpha1.NoneOver {
		s.look(ctx)
		return
	}
	s.keeper.read(func(time.Time) {
		if resp != nil {
			s.keeper.ledger.Upstream(resp.Unclaimed, resp.Message)
		}
		s.keeper.lookAtQueue()
	})
}

// keep takes in a claim's answer that came too late, so that it is given back with the rest.
func (s *supply) keep(resp *v1alpha1.ClaimResponse) {
	if resp == nil {
		return
	}
	for _, lease := range resp.Leases {
		s.upstream.admit(lease)
	}
}

// renew keeps the leases upstream. The answer may say that the list has ended.
func (s *supply) renew(ctx context.Context) {
	soon, cancel := context.WithTimeout(ctx, s.lease/3)
	defer cancel()
	lost, over, err := s.upstream.renew(soon)
	if err != nil && ctx.Err() == nil {
		s.keeper.log.Warn("the leases could not be renewed", "error", err)
	}
	s.keeper.expel(lost)
	if over {
		s.look(ctx)
	}
}

// look reads how the list stands upstream: its spec may have changed, it may have ended, been reopened, or made anew.
func (s *supply) look(ctx context.Context) {
	soon, cancel := context.WithTimeout(ctx, min(pollEvery, s.lease/3)) // the leases have to be renewed meanwhile
	defer cancel()
	wl, err := s.upstream.api.Get(soon, s.upstream.list)
	if client.IsNotFound(err) {
		s.keeper.stop() // the next call is told so
		return
	}
	if err != nil {
		if ctx.Err() == nil {
			s.keeper.log.Warn("the upstream could not be asked how the list stands", "error", err)
		}
		return
	}
	over := s.keeper.over()
	switch {
	case wl.UID != s.spec.UID, over && !wl.Status.Phase().Over():
		s.keeper.stop() // the next call makes a keeper anew
	case !over && wl.Status.Phase().Over():
		s.keeper.change(ctx, func(now time.Time, _ *batch) bool {
			s.keeper.ledger.Conclude(now, worklist.Outcome{Phase: worklist.Phase(wl.Status.Phase()), Reason: wl.Status.Reason()})
			return true
		})
		s.tier.changed.send()
	case !reflect.DeepEqual(wl.Spec, s.spec.Spec):
		s.keeper.change(ctx, func(now time.Time, _ *batch) bool {
			s.keeper.spec, s.keeper.policy = wl.Spec, tierPolicy(wl)
			s.keeper.ledger.SetPolicy(now, s.keeper.policy)
			return false
		})
	}
	s.spec = wl
}

// giveBack gives back what has lain idle since the last look, so that it does not wait for workers that have gone.
func (s *supply) giveBack(ctx context.Context) {
	var spare []worklist.Range
	s.keeper.read(func(now time.Time) {
		st := s.keeper.ledger.Status(now)
		idle := st.Blocks == 0 && s.keeper.waiting.queue.Len() == 0 && st.Waiting > 0 && st.Waiting == s.keeper.ledger.Stock() && !s.keeper.ledger.News()
		if idle && s.idle {
			spare = s.keeper.ledger.Spare(now)
			s.bulk = 0
			s.keeper.low.enough = s.enough()
		}
		s.idle = idle
	})
	if len(spare) > 0 {
		s.release(ctx)
	}
}

// release gives back all that is not turned in.
func (s *supply) release(ctx context.Context) {
	if err := s.upstream.release(ctx); err != nil && ctx.Err() == nil {
		s.keeper.log.Warn("blocks could not be given back; the upstream will take them", "error", err)
	}
}

// over tells whether the list has ended.
func (k *keeper) over() (over bool) {
	k.read(func(time.Time) { over = k.ledger.Outcome().Over() })
	return over
}
