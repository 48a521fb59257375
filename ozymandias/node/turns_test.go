package node

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// No more have a turn at once than there are; whoever waits for one gets it when another is given back, or stops waiting.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newTurns()
		ctx, cancel := context.WithCancel(t.Context())
		var have, refused atomic.Int32
		next := make(chan struct{})
		var by sync.WaitGroup
		for range cap(all) + 2 {
			by.Go(func() {
				if all.take(ctx) != nil {
					refused.Add(1)
					return
				}
				have.Add(1)
				<-next
				all.giveBack()
			})
		}
		synctest.Wait()
		if got := int(have.Load()); got != cap(all) {
			t.Errorf("%d have a turn, of %d", got, cap(all))
		}
		next <- struct{}{}
		synctest.Wait()
		if got := int(have.Load()); got != cap(all)+1 {
			t.Errorf("%d have had a turn after one was given back, of %d", got, cap(all))
		}
		cancel()
		synctest.Wait()
		close(next)
		by.Wait()
		if have.Load()+refused.Load() != int32(cap(all))+2 || refused.Load() != 1 {
			t.Errorf("%d had a turn and %d stopped waiting", have.Load(), refused.Load())
		}
	})
}
