package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// telling is an answer in the making, whatever it is about.
type telling struct {
	at        time.Time // when the facts were read
	namespace string    // of what it is about
	events    []corev1.Event
	program   *Controller // nil: unknown
	sentences []string
}

func (e *telling) say(format string, args ...any) {
	e.sentences = append(e.sentences, fmt.Sprintf(format, args...))
}

// said tells whether something was said already.
func (e *telling) said(what string) bool {
	return slices.ContainsFunc(e.sentences, func(s string) bool { return strings.Contains(s, what) })
}

// ago is how long ago something was, for people.
func (e *telling) ago(t time.Time) string { return duration.HumanDuration(max(0, e.at.Sub(t))) }

// unread says what could not be looked at.
func (e *telling) unread(what []string) {
	for _, x := range what {
		e.say("Not looked at: %s.", x)
	}
}
