package v1alpha1

import (
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"teamtask.dev/worklist"
)

// Policy is what the ledger goes by. The manifest is valid.
func (w *Worklist) Policy() worklist.Policy {
	s := &w.Spec
	p := worklist.Policy{
		Blocks: worklist.BlockPolicy{Size: s.Block.Size, Target: duration(s.Block.Target), Min: s.Block.MinSize,
			Max: s.Block.MaxSize},
		Lease:              duration(s.Block.Timeout),
		MaxAttempts:        int(s.Block.MaxAttempts),
		Backoff:            worklist.Backoff{Initial: duration(s.Block.Backoff.Initial), Max: duration(s.Block.Backoff.Max)},
		BlocksPerWorker:    int(s.Limits.BlocksPerWorker),
		MaxBlocks:          int(s.Limits.Blocks),
		ItemsPerSecond:     rateOf(s.Limits.ItemsPerSecond),
		Tolerance:          toleranceOf(s.ToleratedFailures),
		StopAtFirstSuccess: s.StopAtFirstSuccess,
		RedoStragglers:     s.RedoStragglers,
		Suspended:          s.Suspend,
		Cancelled:          s.Cancelled,
	}
	if s.Deadline != nil {
		p.Deadline = w.CreationTimestamp.Add(s.Deadline.Duration)
	}
	return p
}

func toleranceOf(v *intstr.IntOrString) (t worklist.Tolerance) {
	if v == nil {
		return t
	}
	t.Bounded = true
	if v.Type == intstr.Int {
		t.Count = int64(v.IntVal)
		return t
	}
	t.Percent, _ = strconv.ParseFloat(strings.TrimSuffix(v.StrVal, "%"), 64)
	return t
}

func duration(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}
