package work

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// Instances is how many workers a list keeps busy, at least one while anything is to be done; over says that it has ended. A list
// that is held back keeps those busy that hold a block.
//
// There is one for each block that is out or to be handed out. Where blocks aim at a duration their size comes from what the workers
// have done until now; one worker begins, as long as that is not known.
func Instances(list *v1alpha1.Worklist) (n int64, over bool) {
	s := &list.Status
	switch phase := s.Phase(); {
	case phase.Over():
		return 0, true
	case phase != v1alpha1.PhaseActive:
		return s.BlocksOut, false
	}
	left := max(0, s.Size-s.Done-s.Failed-s.Leased)
	n = s.BlocksOut + divideUp(left, blockSize(list))
	if s.Done+s.Failed < s.Size {
		n = max(n, 1)
	}
	return n, false
}

// trouble says why there is nothing to be done on a list that is not complete; empty if there is.
func trouble(list *v1alpha1.Worklist) string {
	switch phase := list.Status.Phase(); {
	case phase == "", phase == v1alpha1.PhaseActive, phase == v1alpha1.PhaseComplete:
		return ""
	case list.Status.Reason() == "":
		return fmt.Sprintf("worklist %s is %s", list.Name, phase)
	default:
		return fmt.Sprintf("worklist %s is %s: %s", list.Name, phase, list.Status.Reason())
	}
}

// ordinal is that of the instance of a job that a worker is: its name is the instance's, or begins with it as that of a worker does
// that is called after its host.
func ordinal(job, worker string) (n int, ok bool) {
	id, ok := strings.CutPrefix(worker, job+"-")
	if !ok {
		return 0, false
	}
	id, _, _ = strings.Cut(id, "-")
	n, err := strconv.Atoi(id)
	return n, err == nil && n >= 0
}

const defaultTarget = 10 * time.Second // of a block that aims at a duration, as [v1alpha1.BlockPolicy] has it

// blockSize is about how many items the next blocks have.
func blockSize(list *v1alpha1.Worklist) int64 {
	policy, s := list.Spec.Block, &list.Status
	if policy.Size > 0 {
		return policy.Size
	}
	if s.ItemsPerSecond == nil || s.Workers == 0 {
		return max(1, s.Size)
	}
	target := defaultTarget
	if policy.Target != nil {
		target = policy.Target.Duration
	}
	size := int64(s.ItemsPerSecond.AsApproximateFloat64() / float64(s.Workers) * target.Seconds())
	size = max(size, policy.MinSize, 1)
	if policy.MaxSize > 0 {
		size = min(size, policy.MaxSize)
	}
	return size
}

func divideUp(a, b int64) int64 { return (a + b - 1) / b }
