package swarms

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
)

// owners is what the workers of a test believe they own, as they write it down the moment that they start or stop something.
type owners struct {
	t *testing.T

	mu     sync.Mutex
	of     map[string]owner // by workload
	greets map[string]int64 // the greatest epoch that a workload's target was greeted with
	starts int
}

type owner struct {
	incarnation string
	epoch       int64
}

func newOwners(t *testing.T) *owners {
	return &owners{t: t, of: map[string]owner{}, greets: map[string]int64{}}
}

func (o *owners) start(workload, incarnation string, epoch int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if other, owned := o.of[workload]; owned && other.incarnation != incarnation {
		o.t.Errorf("%s starts %s, and %s runs it", incarnation, workload, other.incarnation)
	}
	if last := o.greets[workload]; epoch < last {
		o.t.Errorf("%s starts %s with epoch %d, after %d", incarnation, workload, epoch, last)
	}
	o.greets[workload] = max(epoch, o.greets[workload])
	o.of[workload] = owner{incarnation, epoch}
	o.starts++
}

func (o *owners) stop(workload, incarnation string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of[workload].incarnation == incarnation {
		delete(o.of, workload)
	}
}

// stopAll is the end of a worker.
func (o *owners) stopAll(incarnation string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	maps.DeleteFunc(o.of, func(_ string, w owner) bool { return w.incarnation == incarnation })
}

// started is how often a workload was started so far.
func (o *owners) started() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.starts
}

// owned are the workloads that run.
func (o *owners) owned() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.of))
}

func (o *owners) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(o.of)) {
		fmt.Fprintf(&out, "%s runs on %s\n", name, o.of[name].incarnation)
	}
	return out.String()
}
