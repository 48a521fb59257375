package worklists

import (
	"encoding/json"
	"math"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// smoothing is over how many seconds the rate is averaged.
const smoothing = 30

// measure brings the rate up to date where the status is written anyway.
func (d *decision) measure() {
	st, old := &d.Status, &d.List.Status
	if !d.Changed {
		return
	}
	at := metav1.NewMicroTime(d.Now)
	if st.Phase().Over() || old.UpdateTime == nil {
		st.ItemsPerSecond, st.UpdateTime = nil, &at
		return
	}
	took := d.Now.Sub(old.UpdateTime.Time).Seconds()
	if took < 1 {
		return // too short to tell
	}
	rate, last := float64(max(0, st.Done-old.Done))/took, old.Rate()
	if last > 0 {
		rate = onward(last+(rate-last)*(1-math.Exp(-took/smoothing)), last)
	}
	st.ItemsPerSecond, st.UpdateTime = v1alpha1.Rate(rate), &at
}

// onward rounds a rate to what the status holds, away from the last one: to the nearest it would never leave that if decisions are
// frequent, as each changes it by less than a step.
func onward(rate, last float64) float64 {
	step := v1alpha1.RateStep(rate)
	if rate < last {
		return math.Floor(rate/step) * step
	}
	return math.Ceil(rate/step) * step
}

// changed tells whether a status says anything new. Handouts that are carried out may stay until it does.
func changed(old, now *v1alpha1.WorklistStatus) bool {
	a, b := *old, *now
	a.ItemsPerSecond, a.UpdateTime, b.ItemsPerSecond, b.UpdateTime = nil, nil, nil, nil
	if within(now.Handouts, old.Handouts) {
		a.Handouts, b.Handouts = nil, nil
	}
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 != nil || err2 != nil || string(x) != string(y)
}

// within tells whether all handouts of a are in b.
func within(a, b []v1alpha1.Handout) bool {
	known := map[v1alpha1.Handout]bool{}
	for _, x := range b {
		known[x] = true
	}
	for _, x := range a {
		if !known[x] {
			return false
		}
	}
	return true
}
