package pools

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// owners are which pod runs which workload, as the programs write it down the moment that they start or stop something.
type owners struct {
	t *testing.T

	mu sync.Mutex
	of map[string]types.UID
}

func (o *owners) start(workload string, pod types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if other, owned := o.of[workload]; owned && other != pod {
		o.t.Errorf("pod %s starts %s, and pod %s runs it", pod, workload, other)
	}
	o.of[workload] = pod
}

func (o *owners) stop(workload string, pod types.UID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.of[workload] == pod {
		delete(o.of, workload)
	}
}

// owned are the workloads that run.
func (o *owners) owned() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(maps.Keys(o.of))
}

// on are the pods that run something.
func (o *owners) on() map[types.UID]bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	pods := map[types.UID]bool{}
	for _, uid := range o.of {
		pods[uid] = true
	}
	return pods
}

func (o *owners) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out strings.Builder
	for _, name := range slices.Sorted(maps.Keys(o.of)) {
		fmt.Fprintf(&out, "%s runs in pod %s\n", name, o.of[name])
	}
	return out.String()
}
