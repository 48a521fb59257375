package server

import (
	"time"

	"teamtask.dev/worklist"
)

// loss is a range that the upstream took from a tier.
type loss struct {
	worklist.Range
	why string
}

// expel takes in losses: those who hold a part of it are refused, and those who wait for a commit.
func (k *keeper) expel(lost []loss) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.void(lost)
}

// void takes in losses, under the lock. What the upstream has handed out to this tier anew meanwhile stays: those who were
// to be refused for it were when it came in.
func (k *keeper) void(lost []loss) {
	for _, x := range lost {
		k.log.Warn("a block was lost to the upstream", "index", x.Start, "size", x.Size(), "reason", x.why)
		for _, r := range k.low.upstream.without(x.Range) {
			k.refuse(k.ledger.Expel(time.Now(), r))
		}
	}
}

// refuse has the calls that wait for a commit refused where they speak of what is void, under the lock.
func (k *keeper) refuse(v worklist.Void) {
	k.batch.voids = append(k.batch.voids, v)
	if k.flying != nil {
		k.flying.voids = append(k.flying.voids, v)
	}
}
