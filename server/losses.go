package server

import (
	"time"

	"teamtask.dev/worklist"
)

// loss is a range that the upstream took from a tier, or did not count.
type loss struct {
	worklist.Range
	verdict worklist.Verdict
	why     string
}

// refusal is what those are told who wait for a commit with something that is lost.
type refusal struct {
	worklist.Void
	worklist.Receipt
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
			k.refuse(k.ledger.Expel(time.Now(), r), x.verdict, x.why)
		}
	}
}

// refuse has the calls that wait for a commit refused where they speak of what is void, under the lock.
func (k *keeper) refuse(v worklist.Void, verdict worklist.Verdict, why string) {
	r := refusal{v, worklist.Receipt{Verdict: verdict, Message: why}}
	k.batch.refusals = append(k.batch.refusals, r)
	if k.flying != nil {
		k.flying.refusals = append(k.flying.refusals, r)
	}
}
