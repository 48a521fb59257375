package lease

import (
	"testing"
	"time"
)

// The times of decision 9.
func TestStage(t *testing.T) {
	for _, at := range []struct {
		since time.Duration
		want  Stage
	}{
		{0, Held}, {3937 * time.Millisecond, Held},
		{3938 * time.Millisecond, Stop}, {5687 * time.Millisecond, Stop},
		{5688 * time.Millisecond, Kill}, {6999 * time.Millisecond, Kill},
		{7 * time.Second, Gone}, {time.Hour, Gone},
	} {
		if got := stage(at.since, DefaultTTL); got != at.want {
			t.Errorf("%v after a renewal was sent: %v, want %v", at.since, got, at.want)
		}
	}
	l := &Lease{TTL: DefaultTTL}
	if l.KillAt() != 5687500*time.Microsecond {
		t.Errorf("everything is killed %v after a renewal was sent", l.KillAt())
	}
	if l.Deadline() != 6300*time.Millisecond {
		t.Errorf("the watchdog acts %v after a renewal was sent", l.Deadline())
	}
}
