package blocks

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"teamtask.dev/api/v1alpha1"
)

// When a worker was last heard of, in seconds since the test began, after each thing that happens one second after the other.
func TestSightings(t *testing.T) {
	begun := time.Unix(1e9, 0)
	block := func(uid, version string, turn int64, renew int) *v1alpha1.Block {
		return &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "b", UID: types.UID(uid), ResourceVersion: version},
			Status: v1alpha1.BlockStatus{Turn: turn, RenewTime: &metav1.MicroTime{Time: begun.Add(time.Duration(renew) * time.Hour)}}}
	}
	type step struct {
		what string
		do   func(s *sightings, now time.Time)
		b    *v1alpha1.Block
		want int
	}
	nothing := func(*sightings, time.Time) {}
	deafen := func(s *sightings, _ time.Time) { s.deafen() }
	hear := func(s *sightings, now time.Time) { s.hear(now) }
	for what, steps := range map[string][]step{
		"silence": {
			{"first seen", nothing, block("u", "10", 1, 0), 0},
			{"nothing new", nothing, block("u", "10", 1, 0), 0},
			{"something else has changed", nothing, block("u", "11", 1, 0), 0},
			{"renewed, by a clock that goes back", nothing, block("u", "12", 1, -1), 3},
			{"its next turn", nothing, block("u", "13", 2, -1), 4},
			{"another Block of its name", nothing, block("v", "14", 2, -1), 5},
		},
		"a watch that is behind the poll": {
			{"the poll", nothing, block("u", "9", 1, 0), 0},
			{"the poll sees it renewed", nothing, block("u", "10", 1, 1), 1},
			{"the watch does not", nothing, block("u", "9", 1, 0), 1},
			{"nor later", nothing, block("u", "9", 1, 0), 1},
			{"the poll again", nothing, block("u", "10", 1, 1), 1},
		},
		"an API server that is away": {
			{"first seen", nothing, block("u", "10", 1, 0), 0},
			{"it is away", deafen, block("u", "10", 1, 0), 1},
			{"still", deafen, block("u", "10", 1, 0), 2},
			{"it is back", hear, block("u", "10", 1, 0), 3},
			{"it stays", hear, block("u", "10", 1, 0), 3},
		},
		"what is gone": {
			{"first seen", nothing, block("u", "10", 1, 0), 0},
			{"it is there", func(s *sightings, now time.Time) {
				s.keep(map[types.NamespacedName]bool{{Namespace: "ns", Name: "b"}: true}, now)
			}, block("u", "10", 1, 0), 0},
			{"it came after the list that it is not in", func(s *sightings, _ time.Time) { s.keep(nil, begun) }, block("u", "10", 1, 0), 0},
			{"it is not there", func(s *sightings, now time.Time) { s.keep(nil, now) }, block("u", "10", 1, 0), 3},
		},
	} {
		t.Run(what, func(t *testing.T) {
			var s sightings
			for i, step := range steps {
				now := begun.Add(time.Duration(i) * time.Second)
				step.do(&s, now)
				if got := s.note(step.b, now).Sub(begun); got != time.Duration(step.want)*time.Second {
					t.Errorf("%s: last heard of after %s, not %d s", step.what, got, step.want)
				}
			}
		})
	}
}
