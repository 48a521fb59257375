package v1alpha1

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"teamtask.dev/items"
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

func rateOf(q *resource.Quantity) float64 {
	if q == nil {
		return 0
	}
	return q.AsApproximateFloat64()
}

// Rate is a number of items per second as a quantity, with four significant digits or more.
func Rate(perSecond float64) *resource.Quantity {
	if perSecond <= 0 {
		return nil
	}
	switch {
	case perSecond < 1:
		return resource.NewScaledQuantity(int64(math.Ceil(perSecond*1e9)), resource.Nano)
	case perSecond > 10_000:
		return resource.NewQuantity(int64(min(perSecond, items.MaxLen)), resource.DecimalSI)
	}
	return resource.NewMilliQuantity(int64(perSecond*1000), resource.DecimalSI)
}

func duration(d *metav1.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return d.Duration
}

// Rate is ItemsPerSecond as a number.
func (s *WorklistStatus) Rate() float64 { return rateOf(s.ItemsPerSecond) }

// Progress is a share in percent, for people: 100% is said only of the whole.
func Progress(part, whole int64) string {
	p := 100 * float64(part) / float64(max(1, whole))
	if part < whole && p > 99.9 {
		p = 99.9
	}
	return fmt.Sprintf("%.3g%%", p)
}
