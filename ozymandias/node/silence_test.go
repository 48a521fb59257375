package node

import (
	"testing"
	"time"
)

// Podman is given up when it has answered nothing for a while; or, if it does answer other things, when it has not told for a long
// time what pods there are.
func TestSilence(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ago := func(times float64) time.Time { return now.Add(-time.Duration(times * float64(silent))) }
	for _, c := range []struct {
		name            string
		s               silence
		unfit, hopeless bool
	}{
		{"it answers", silence{any: ago(0.1), list: ago(0.1)}, false, false},
		{"it is slow", silence{any: ago(0.9), list: ago(0.9)}, false, false},
		{"it is silent", silence{any: ago(1), list: ago(1)}, true, false},
		{"it is silent for long", silence{any: ago(2), list: ago(2)}, true, true},
		{"another has had no time yet", silence{any: ago(3), list: ago(3), killed: ago(1.9)}, true, false},
		{"another is no better", silence{any: ago(4), list: ago(4), killed: ago(2)}, true, true},
		{"it is busy with other things", silence{any: ago(0.1), list: ago(9)}, false, false},
		{"it does all but list", silence{any: ago(0.1), list: ago(10)}, true, true},
	} {
		if unfit, hopeless := c.s.unfit(now), c.s.hopeless(now); unfit != c.unfit || hopeless != c.hopeless {
			t.Errorf("%s: unfit %v, hopeless %v; want %v, %v", c.name, unfit, hopeless, c.unfit, c.hopeless)
		}
	}
}
