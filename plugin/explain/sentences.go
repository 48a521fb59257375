package explain

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/controller/worklists"
)

// Sentences say why a list is, or is not, moving: the first is the answer, the others are details.
func Sentences(f Facts) []string {
	e := &explanation{Facts: f, telling: telling{at: f.Now, namespace: f.List.Namespace, events: f.Warnings, program: f.Controller}}
	if !e.unanswered() {
		e.answer()
	}
	e.first()
	if e.counted() {
		e.holders()
		e.workers()
		e.quota()
		e.givenUp()
	}
	e.warnings()
	e.unread(f.Unread)
	return e.sentences
}

// explanation is an answer about a list in the making.
type explanation struct {
	Facts
	telling
}

// counted tells whether the list goes on, with a ledger that can be made anew.
func (e *explanation) counted() bool {
	switch e.List.Status.Phase() {
	case v1alpha1.PhaseActive, v1alpha1.PhaseSuspended, v1alpha1.PhaseWaiting:
		return true
	}
	return false
}

// answer says how the list itself stands.
func (e *explanation) answer() {
	s := &e.List.Status
	switch {
	case !e.List.DeletionTimestamp.IsZero():
		e.say("The list is being deleted.")
	case s.Phase() == "":
		e.say("The list was made %s ago: its controller is about to look at it.", e.ago(e.List.CreationTimestamp.Time))
	case s.Phase() == v1alpha1.PhaseInvalid:
		e.say("The list cannot be worked on: %s.", s.Reason())
	default:
		if silent := e.silent(); s.Phase() == v1alpha1.PhaseActive && silent != "" {
			e.say("The list waits for workers that have fallen silent: %s.", silent)
		} else if s.Phase() == v1alpha1.PhaseActive && e.held() > 0 {
			e.progress()
		}
		e.sentences = append(e.sentences, e.ledger()...)
	}
}

// ledger is what the list's own rules have to say.
func (e *explanation) ledger() []string {
	s := worklists.Situation{Now: e.Now, List: e.List, Blocks: e.Blocks, Size: e.List.Status.Size}
	if e.List.Status.Phase() == v1alpha1.PhaseWaiting {
		s.WaitingFor = e.List.Status.Reason()
	}
	return worklists.Ledger(s).Explain(e.Now, e.idle())
}

// progress says that nothing is wrong, and when it will be over.
func (e *explanation) progress() {
	s := &e.List.Status
	at := ""
	if rate := s.Rate(); rate > 0 {
		left := time.Duration(float64(s.Size-s.Done-s.Failed) / rate * float64(time.Second))
		at = fmt.Sprintf(", at %s; at that rate it is over in %s", text.Rate(rate), duration.HumanDuration(left))
	}
	e.say("The list is being worked on: %s is done%s.", v1alpha1.Progress(s.Done, s.Size), at)
}

// first says how the lists stand that come before this one, if it waits for them.
func (e *explanation) first() {
	if e.List.Status.Phase() != v1alpha1.PhaseWaiting {
		return
	}
	for _, x := range e.First {
		if x.List == nil {
			e.say("Worklist %s does not exist in the namespace %s.", x.Name, e.List.Namespace)
			continue
		}
		s := &x.List.Status
		switch s.Phase() {
		case v1alpha1.PhaseComplete:
		case v1alpha1.PhaseFailed, v1alpha1.PhaseCancelled:
			e.say("Worklist %s is over (%s) and will not be complete unless it is retried: %s.", x.Name, s.Phase(), s.Reason())
		case v1alpha1.PhaseActive:
			e.say("Worklist %s is being handed out: %s is done.", x.Name, v1alpha1.Progress(s.Done, s.Size))
		default:
			e.say("Worklist %s does not move either: %s.", x.Name, s.Reason())
		}
	}
}

// givenUp says what failed for good.
func (e *explanation) givenUp() {
	s := &e.List.Status
	if len(s.FailedRanges) == 0 {
		return
	}
	worst := s.FailedRanges[0]
	e.say("%s given up, the first after %s: %s. `kubectl teamtask retry %s` has them tried again.", text.Number(s.Failed, "item was", "items were"),
		text.Number(int64(worst.Attempts), "attempt", "attempts"), worst.Reason, e.List.Name)
}
