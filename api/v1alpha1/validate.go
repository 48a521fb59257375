package v1alpha1

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"teamtask.dev/items"
)

// FieldError is what is wrong with a manifest: the field, and what to do about it.
type FieldError struct {
	Field  string
	Detail string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Detail }

func invalid(field, format string, args ...any) error {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}

// Bounds of a manifest's values.
const (
	maxOutput    = 64 << 10
	minRowsLimit = 64 << 10
	minTimeout   = 100 * time.Millisecond // a worker renews its leases every third of it; on Kubernetes, where that is a write each, it is 1s
)

// nameRule is that of Kubernetes' names (a DNS subdomain, RFC 1123).
const nameRule = "%q: lower-case letters, digits, - and . only, beginning and ending with a letter or digit, 253 at most"

// Complete fills in what follows from the rest (the size from the items) and checks the whole. The error is a
// *FieldError.
func (w *Worklist) Complete() error {
	if w.APIVersion != APIVersion {
		return invalid("apiVersion", "is %q; must be %q", w.APIVersion, APIVersion)
	}
	if w.Kind != WorklistKind {
		return invalid("kind", "is %q; must be %q", w.Kind, WorklistKind)
	}
	if problems := validation.IsDNS1123Subdomain(w.Name); len(problems) > 0 {
		return invalid("metadata.name", nameRule, w.Name)
	}
	s := &w.Spec
	if s.Items != nil {
		n, err := s.Items.Len()
		if err != nil {
			return invalid("spec.items", "%s", strings.TrimPrefix(strings.TrimPrefix(err.Error(), "items."), "items: "))
		}
		if s.Size != 0 && s.Size != n {
			return invalid("spec.size", "is %d, but there are %d items; leave it out", s.Size, n)
		}
		s.Size = n
	}
	switch {
	case s.Size < 1:
		return invalid("spec.size", "is %d; a worklist has at least 1 item: give a size or items", s.Size)
	case s.Size > items.MaxLen:
		return invalid("spec.size", "is %d; a worklist has at most %d items (2^53-1)", s.Size, int64(items.MaxLen))
	}
	if i := slices.Index(s.After, w.Name); i >= 0 {
		return invalid(fmt.Sprintf("spec.after[%d]", i), "is the list itself; a list cannot come after itself")
	}
	return s.validate()
}

func (s *WorklistSpec) validate() error {
	for _, f := range []struct {
		field string
		value int64
	}{
		{"spec.block.size", s.Block.Size}, {"spec.block.minSize", s.Block.MinSize}, {"spec.block.maxSize", s.Block.MaxSize},
		{"spec.limits.blocksPerWorker", int64(s.Limits.BlocksPerWorker)}, {"spec.limits.blocks", int64(s.Limits.Blocks)},
	} {
		if f.value < 0 || f.value > items.MaxLen {
			return invalid(f.field, "is %d; must be 0 to %d", f.value, int64(items.MaxLen))
		}
	}
	for _, f := range []struct {
		field     string
		value, to int32
	}{{"spec.block.maxAttempts", s.Block.MaxAttempts, 1000}, {"spec.weight", s.Weight, 1_000_000}} {
		if f.value < 0 || f.value > f.to {
			return invalid(f.field, "is %d; must be 0 to %d", f.value, f.to)
		}
	}
	for _, f := range []struct {
		field string
		value *metav1.Duration
	}{
		{"spec.block.timeout", s.Block.Timeout}, {"spec.deadline", s.Deadline}, {"spec.block.target", s.Block.Target},
		{"spec.block.backoff.initial", s.Block.Backoff.Initial}, {"spec.block.backoff.max", s.Block.Backoff.Max},
	} {
		if f.value != nil && f.value.Duration <= 0 {
			return invalid(f.field, "is %s; must be above 0", f.value.Duration)
		}
	}
	if t := s.Block.Timeout; t != nil && t.Duration < minTimeout {
		return invalid("spec.block.timeout", "is %s; must be at least %s", t.Duration, minTimeout)
	}
	if s.Block.Size > 0 && (s.Block.Target != nil || s.Block.MinSize > 0 || s.Block.MaxSize > 0) {
		return invalid("spec.block.size", "fixes the size; leave it out to aim at a duration within minSize and maxSize")
	}
	if s.Block.MaxSize > 0 && s.Block.MinSize > s.Block.MaxSize {
		return invalid("spec.block.minSize", "is %d, above maxSize %d", s.Block.MinSize, s.Block.MaxSize)
	}
	if r := s.Limits.ItemsPerSecond; r != nil && (r.Sign() < 0 || r.AsApproximateFloat64() > items.MaxLen) {
		return invalid("spec.limits.itemsPerSecond", "is %s; must be 0 (no bound) or above", r)
	}
	if err := validateTolerance(s.ToleratedFailures); err != nil {
		return err
	}
	for i, name := range s.After {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			return invalid(fmt.Sprintf("spec.after[%d]", i), nameRule, name)
		}
	}
	if s.RetryFailed < 0 {
		return invalid("spec.retryFailed", "is %d; must be 0 or above", s.RetryFailed)
	}
	if err := s.Workers.validate(); err != nil {
		return err
	}
	return s.Results.validate()
}

func validateTolerance(v *intstr.IntOrString) error {
	if v == nil {
		return nil
	}
	if v.Type == intstr.Int {
		if v.IntVal < 0 {
			return invalid("spec.toleratedFailures", "is %d; must be 0 or above", v.IntVal)
		}
		return nil
	}
	if !share.MatchString(v.StrVal) {
		return invalid("spec.toleratedFailures", "is %q; must be a count (10) or a share of the items (\"5%%\")", v.StrVal)
	}
	return nil
}

// share is 0% to 100%, as the schema has it.
var share = regexp.MustCompile(`^([0-9]{1,2}([.][0-9]+)?|100([.]0+)?)%$`)

// validate is about the pods of a list on Kubernetes. Where there are none they are ignored.
func (w *WorkersSpec) validate() error {
	if w == nil {
		return nil
	}
	if n := w.Parallelism; n != nil && (*n < 0 || *n > 100_000) {
		return invalid("spec.workers.parallelism", "is %d; must be 0 to 100000", *n)
	}
	if w.Slots < 0 || w.Slots > 10_000 {
		return invalid("spec.workers.slots", "is %d; must be 0 to 10000", w.Slots)
	}
	if c := w.Template.Spec.Containers; len(c) == 0 || len(c[0].Command) == 0 {
		return invalid("spec.workers.template", "spec.containers[0].command is needed: it is run for each block, with {start} and {end} filled in, and an image's own command is not known")
	}
	if p := w.Template.Spec.RestartPolicy; p != "" && p != corev1.RestartPolicyOnFailure && p != corev1.RestartPolicyNever {
		return invalid("spec.workers.template", "spec.restartPolicy is %s; must be OnFailure, the default, or Never: a worker ends when there is nothing left to do", p)
	}
	return nil
}

func (p *ResultsPolicy) validate() error {
	switch p.Keep {
	case "", KeepFailures, KeepBlocks, KeepItems:
	default:
		return invalid("spec.results.keep", "is %q; must be Failures, Blocks or Items", p.Keep)
	}
	if q := p.Output; q != nil && (q.Value() < 0 || q.Value() > maxOutput) {
		return invalid("spec.results.output", "is %s; must be 0 to 64Ki", q)
	}
	if q := p.Limit; q != nil && q.Value() < minRowsLimit {
		return invalid("spec.results.limit", "is %s; must be at least 64Ki", q)
	}
	return nil
}
