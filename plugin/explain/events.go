package explain

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	mostWarnings = 5
	oldWarning   = 10 * time.Minute
)

// harmless are the reasons of warnings that come with every pod of a node that is set up in a certain way. They keep none from working.
var harmless = []string{"MissingClusterDNS", "DNSConfigForming"}

// recent are the warnings of the last minutes that may matter, the latest first.
func (e *telling) recent() (out []corev1.Event) {
	for _, w := range e.events {
		if e.at.Sub(when(&w)) < oldWarning && !slices.Contains(harmless, w.Reason) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b corev1.Event) int { return when(&b).Compare(when(&a)) })
	return out
}

// when is the time of an event: of the last of a series.
func when(w *corev1.Event) time.Time {
	switch {
	case w.Series != nil:
		return w.Series.LastObservedTime.Time
	case !w.LastTimestamp.IsZero():
		return w.LastTimestamp.Time
	}
	return w.EventTime.Time
}

// warnings repeats what was said lately.
func (e *telling) warnings() {
	for i, w := range e.recent() {
		if i == mostWarnings {
			e.say("See also `kubectl events --namespace %s --types=Warning`.", e.namespace)
			return
		}
		if note := strings.TrimSuffix(w.Message, "."); !e.said(note) {
			e.say("%s ago, %s %s, %s: %s.", e.ago(when(&w)), w.InvolvedObject.Kind, w.InvolvedObject.Name, w.Reason, note)
		}
	}
}
