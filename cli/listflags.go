package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"teamtask.dev/api/v1alpha1"
)

// listFlags say how a list is shared out. They mirror the manifest's spec.
type listFlags struct {
	spec             v1alpha1.WorklistSpec
	target, lease    time.Duration
	deadline         time.Duration
	backoff, longest time.Duration
	tolerate         string
	keep             string
	keepOutput       string
	rate             float64
}

func (l *listFlags) register(cmd *cobra.Command) {
	f, s := cmd.Flags(), &l.spec
	f.Int64Var(&s.Block.Size, "block-size", 0, "items of a block (default: aim at --block-time)")
	f.DurationVar(&l.target, "block-time", 0, "how long a worker should take for a block (default 10s)")
	f.Int64Var(&s.Block.MinSize, "min-block", 0, "smallest block that is aimed at (default 1)")
	f.Int64Var(&s.Block.MaxSize, "max-block", 0, "largest block that is aimed at")
	f.DurationVar(&l.lease, "block-timeout", 0, "how long a block may be held without a heartbeat (default 1m)")
	f.Var(int32AtLeast(1, &s.Block.MaxAttempts), "max-attempts", "failures before a block is split, or an item given up (default 3)")
	f.DurationVar(&l.backoff, "backoff", 0, "rest after the first failure, doubled after each further one (default 1s)")
	f.DurationVar(&l.longest, "max-backoff", 0, "longest rest (default 1m)")
	f.Int32Var(&s.Limits.BlocksPerWorker, "blocks-per-worker", 0, "most blocks one worker may hold")
	f.Int32Var(&s.Limits.Blocks, "max-blocks", 0, "most blocks that may be out")
	f.Float64Var(&l.rate, "rate", 0, "most items handed out per second")
	f.StringVar(&l.tolerate, "tolerate", "", "items that may fail before the list stops: a count or a share (5%); default any number")
	f.BoolVar(&s.StopAtFirstSuccess, "stop-at-first", false, "end the list when a worker has found something")
	f.BoolVar(&s.RedoStragglers, "redo-stragglers", false, "at the end let idle workers do the oldest blocks a second time")
	f.Int32Var(&s.Priority, "priority", 0, "for workers that serve several lists: the highest goes first")
	f.Int32Var(&s.Weight, "weight", 0, "share among lists of one priority (default 1)")
	f.DurationVar(&l.deadline, "deadline", 0, "how long the list may take before it stops as failed")
	f.StringSliceVar(&s.After, "after", nil, "lists that must be complete first")
	f.BoolVar(&s.Suspend, "suspend", false, "hand out nothing until the list is resumed")
	f.StringVar(&l.keep, "keep", "", "rows of results to keep: Failures, Blocks or Items (default Blocks)")
	f.StringVar(&l.keepOutput, "keep-output", "", "bytes of output to keep for each item, such as 4Ki (default none)")
}

// manifest is the worklist that the flags describe.
func (l *listFlags) manifest(name string) (*v1alpha1.Worklist, error) {
	s := l.spec
	for _, f := range []struct {
		value time.Duration
		to    **metav1.Duration
	}{{l.target, &s.Block.Target}, {l.lease, &s.Block.Timeout}, {l.deadline, &s.Deadline}, {l.backoff, &s.Block.Backoff.Initial}, {l.longest, &s.Block.Backoff.Max}} {
		if f.value != 0 {
			*f.to = &metav1.Duration{Duration: f.value}
		}
	}
	if l.rate < 0 {
		return nil, fmt.Errorf("--rate %g: must be 0 (no bound) or above", l.rate)
	}
	s.Limits.ItemsPerSecond = v1alpha1.Rate(l.rate)
	if l.tolerate != "" {
		v := intstr.Parse(l.tolerate)
		s.ToleratedFailures = &v
	}
	s.Results.Keep = v1alpha1.KeepResults(l.keep)
	if l.keepOutput != "" {
		var q resource.Quantity
		err := v1alpha1.CheckQuantity(l.keepOutput)
		if err == nil {
			q, err = resource.ParseQuantity(l.keepOutput)
		}
		if err != nil {
			return nil, fmt.Errorf("--keep-output %q: must be a quantity such as 4Ki", l.keepOutput)
		}
		s.Results.Output = &q
	}
	wl := &v1alpha1.Worklist{Spec: s}
	wl.APIVersion, wl.Kind, wl.Name = v1alpha1.APIVersion, v1alpha1.WorklistKind, name
	return wl, nil
}
