package worklists

import (
	"math"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// The rate is rounded in the status, and follows how the list goes all the same, however often it is measured.
func TestMeasure(t *testing.T) {
	const each = time.Second
	var list v1alpha1.Worklist
	now := time.Unix(1e9, 0)
	list.Status.UpdateTime = &metav1.MicroTime{Time: now}
	done := 0.0
	for _, perSecond := range []float64{1000, 20.4, 3, 0.5, 12.5} {
		for range 600 {
			now = now.Add(each)
			done += perSecond * each.Seconds()
			d := &decision{Situation: Situation{Now: now, List: &list}, Plan: Plan{Status: list.Status, Changed: true}}
			d.Status.Done = int64(done)
			d.measure()
			list.Status = d.Status
		}
		// What is done less often than it is measured is told roughly.
		if got := list.Status.Rate(); math.Abs(got-perSecond) > 1+0.05*perSecond {
			t.Errorf("%g items per second are told as %v", perSecond, list.Status.ItemsPerSecond)
		}
	}
}
