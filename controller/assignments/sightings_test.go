package assignments

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// What is remembered of a worker after each thing that happens, one second after the other: when it was last heard of, when it last got
// any further, the pod it is in, and how often that was restarted.
func TestSightings(t *testing.T) {
	begun := time.Unix(1e9, 0)
	see := func(uid, version, incarnation string, renew int, runs, wanted int64) *v1alpha1.Assignment {
		a := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s.w", UID: types.UID(uid), ResourceVersion: version},
			Status: v1alpha1.AssignmentStatus{Incarnation: incarnation, Version: runs, RenewTime: &metav1.MicroTime{Time: begun.Add(time.Duration(renew) * time.Hour)}}}
		a.Spec.Incarnation = "i"
		part(a, wanted, "a")
		return a
	}
	type step struct {
		what string
		do   func(s *sightings, a *v1alpha1.Assignment, now time.Time)
		a    *v1alpha1.Assignment
		want string
	}
	nothing := func(*sightings, *v1alpha1.Assignment, time.Time) {}
	in := func(pod types.UID) func(*sightings, *v1alpha1.Assignment, time.Time) {
		return func(s *sightings, a *v1alpha1.Assignment, _ time.Time) { s.house(a, pod) }
	}
	restart := func(s *sightings, a *v1alpha1.Assignment, now time.Time) { s.restarted(a, now) }
	for what, steps := range map[string][]step{
		"silence": {
			{"first seen", nothing, see("u", "10", "i", 0, 5, 5), "0 0  0"},
			{"something else has changed", nothing, see("u", "11", "i", 0, 5, 5), "0 0  0"},
			{"renewed, by a clock that goes back", nothing, see("u", "12", "i", -1, 5, 5), "2 0  0"},
			{"seen as it was before", nothing, see("u", "11", "i", 0, 5, 5), "2 0  0"},
			{"and as it is", nothing, see("u", "12", "i", -1, 5, 5), "2 0  0"},
			{"another incarnation", nothing, see("u", "13", "j", -1, 5, 5), "5 5  0"},
			{"another Assignment of its name", nothing, see("v", "14", "j", -1, 5, 5), "6 6  0"},
		},
		"progress": {
			{"it runs what is wanted", nothing, see("u", "10", "i", 0, 5, 5), "0 0  0"},
			{"something else is wanted", nothing, see("u", "11", "i", 0, 5, 6), "0 1  0"},
			{"and something else again", nothing, see("u", "12", "i", 0, 5, 7), "0 1  0"},
			{"it gets further", nothing, see("u", "13", "i", 0, 6, 7), "0 3  0"},
			{"its pod is restarted", restart, see("u", "13", "i", 0, 6, 7), "0 4  1"},
			{"and it comes back", nothing, see("u", "14", "j", 0, 6, 7), "5 5  1"},
			{"and runs what is wanted", nothing, see("u", "15", "i", 0, 7, 7), "6 6  0"},
		},
		"pods": {
			{"first seen", nothing, see("u", "10", "i", 0, 5, 5), "0 0  0"},
			{"its pod is", in("P"), see("u", "10", "i", 0, 5, 5), "0 0 P 0"},
			{"another one is, after it", in("Q"), see("u", "10", "i", 0, 5, 5), "0 0 P 0"},
			{"another incarnation", nothing, see("u", "11", "j", 0, 5, 5), "3 3  0"},
			{"and what was known of the one before", in("P"), see("u", "10", "i", 0, 5, 5), "3 3  0"},
			{"is in another pod", in("Q"), see("u", "11", "j", 0, 5, 5), "3 3 Q 0"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			var s sightings
			for i, step := range steps {
				now := begun.Add(time.Duration(i) * time.Second)
				s.note(step.a, now)
				step.do(&s, step.a, now)
				x := s.note(step.a, now)
				if got := fmt.Sprintf("%.0f %.0f %s %d", x.heard.Sub(begun).Seconds(), x.since.Sub(begun).Seconds(), x.home, x.restarts); got != step.want {
					t.Errorf("%s: %s; want %s", step.what, got, step.want)
				}
			}
		})
	}
}
