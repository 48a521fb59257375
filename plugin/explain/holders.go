package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
)

// mostHolders is how many of those that hold items are named.
const mostHolders = 10

// out are the Blocks that hold items, the oldest turn first.
func (e *explanation) out() (out []*v1alpha1.Block) {
	for i := range e.Blocks {
		if e.Blocks[i].Status.Held() {
			out = append(out, &e.Blocks[i])
		}
	}
	slices.SortStableFunc(out, func(a, b *v1alpha1.Block) int { return turned(a).Compare(turned(b)) })
	return out
}

func (e *explanation) held() int { return len(e.out()) }

// turned is when a Block came to stand where it stands: was given its items, or turned them in.
func turned(b *v1alpha1.Block) time.Time {
	at := b.CreationTimestamp.Time
	for _, kind := range []string{v1alpha1.ConditionReady, v1alpha1.ConditionFinished} {
		if c := meta.FindStatusCondition(b.Status.Conditions, kind); c != nil && c.LastTransitionTime.After(at) {
			at = c.LastTransitionTime.Time
		}
	}
	return at
}

// heard is when a Block's worker was last heard of, by the worker's clock where it has said something.
func heard(b *v1alpha1.Block) time.Time {
	at := turned(b)
	if r := b.Status.RenewTime; r != nil && r.After(at) {
		at = r.Time
	}
	return at
}

// timeout is how long a worker may be silent.
func (e *explanation) timeout() time.Duration {
	if t := e.List.Spec.Block.Timeout; t != nil && t.Duration > 0 {
		return t.Duration
	}
	return time.Minute
}

// silent names the worker that has been silent for the longest time, if all that hold items have been for so long that they
// are not expected to come back; else "".
func (e *explanation) silent() string {
	out := e.out()
	if len(out) == 0 {
		return ""
	}
	for _, b := range out {
		if e.Now.Sub(heard(b)) < e.timeout()*2/3 { // a third is when they renew
			return ""
		}
	}
	b := slices.MinFunc(out, func(a, b *v1alpha1.Block) int { return heard(a).Compare(heard(b)) })
	return fmt.Sprintf("worker %s, which holds Block %s, was last heard of %s ago; what it holds goes out again when it has been silent for %s",
		b.Spec.Worker, b.Name, e.ago(heard(b)), e.timeout())
}

// holders says who holds what, since when.
func (e *explanation) holders() {
	out := e.out()
	for i, b := range out {
		if i == mostHolders {
			e.say("%s more: see `kubectl get blocks --namespace %s --field-selector spec.worklist=%s`.",
				text.Number(int64(len(out)-i), "Block is", "Blocks are"), e.List.Namespace, e.List.Name)
			return
		}
		r := b.Status.Range().Core()
		var more []string
		if b.Status.Done > 0 {
			more = append(more, text.Count(b.Status.Done)+" done")
		}
		if n := b.Status.Attempt(); n > 1 {
			more = append(more, fmt.Sprintf("attempt %d", n))
		}
		more = append(more, fmt.Sprintf("last heard of %s ago", e.ago(heard(b))))
		e.say("Worker %s has held %v in Block %s for %s: %s.", b.Spec.Worker, r, b.Name, e.ago(turned(b)), strings.Join(more, ", "))
	}
}
