package faults

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
	"teamtask.dev/worklist"
)

// linesOf is a list of the lines of a ConfigMap, in Blocks of two.
func linesOf(configMap string) v1alpha1.WorklistSpec {
	return v1alpha1.WorklistSpec{Items: &items.Spec{Lines: &items.LinesSpec{ConfigMap: &items.ConfigMapKey{Name: configMap}}}, Block: v1alpha1.BlockPolicy{Size: 2}}
}

// A list that cannot be begun holds nobody: a Block that waits for it is told so, and goes when it is deleted.
func TestBlocksOfAnInvalidListGo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("list", linesOf("lines"))
	x, err := s.worker("list", "w").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(x.name, "Invalid")
	s.delete(x.name, x.uid)
	s.gone(x)
}

// Lines are changed while a list of them is worked on. What is out was given out by the old ones, and counts; what is deleted goes;
// nothing more is given out, until the lines are as they were.
func TestLinesChangedUnderWay(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	lines := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "lines", Namespace: s.ns}, Data: map[string]string{"lines": "a\nb\nc\nd\ne\nf\n"}}
	s.make(lines)
	s.create("list", linesOf("lines"))
	x, y := s.take("list", "x"), s.take("list", "y")
	write := func(text string) {
		lines.Data["lines"] = text
		if err := s.client.Update(t.Context(), lines); err != nil {
			t.Fatal(err)
		}
	}
	write("a\nb\n")
	s.change("list", func(spec *v1alpha1.WorklistSpec) { spec.Priority = 1 })
	s.until("the list is invalid", func() bool { return s.lists["list"].Status.Phase() == v1alpha1.PhaseInvalid })
	x.done()
	s.delete(y.name, y.uid)
	s.gone(x)
	s.gone(y)
	waits, err := s.worker("list", "z").ask(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.phase(waits.name, "Invalid")
	s.until("two items are done, and no Block is out", func() bool { // lists and Blocks are watched apart
		st := s.lists["list"].Status
		return st.Phase() == v1alpha1.PhaseInvalid && st.Done == 2 && st.BlocksOut == 0
	})
	write("a\nb\nc\nd\ne\nf\n")
	waits.must(waits.next(t.Context()), "it goes on when the lines are as they were")
	if waits.r != (worklist.Range{Start: 2, End: 4}) {
		t.Errorf("%v goes out, and was given back", waits.r)
	}
	waits.done()
	s.take("list", "z").done()
	s.complete("list", 0)
}

// Lines may be changed until the first of them is given out.
func TestLinesChangedBefore(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	lines := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "lines", Namespace: s.ns}, Data: map[string]string{"lines": "a\nb\nc\n"}}
	s.make(lines)
	s.create("list", linesOf("lines"))
	s.until("the list is looked at", func() bool { return s.lists["list"].Status.Size == 3 })
	lines.Data["lines"] = "A\nB\nC\nD\nE\n"
	if err := s.client.Update(t.Context(), lines); err != nil {
		t.Fatal(err)
	}
	s.finishAll("list")
	if wl := s.complete("list", 0); wl.Status.Size != 5 {
		t.Errorf("%d items are done", wl.Status.Size)
	}
}
