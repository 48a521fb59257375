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
		{0, Held}, {4499 * time.Millisecond, Held},
		{4500 * time.Millisecond, Stop}, {6499 * time.Millisecond, Stop},
		{6500 * time.Millisecond, Kill}, {7999 * time.Millisecond, Kill},
		{8 * time.Second, Gone}, {time.Hour, Gone},
	} {
		if got := stage(at.since, DefaultTTL); got != at.want {
			t.Errorf("%v after a renewal was sent: %v, want %v", at.since, got, at.want)
		}
	}
	l := &Lease{TTL: DefaultTTL}
	if l.KillAt() != 6500*time.Millisecond {
		t.Errorf("everything is killed %v after a renewal was sent", l.KillAt())
	}
	if l.Deadline() <= DefaultTTL*13/16 || l.Deadline() >= l.Until() {
		t.Errorf("the watchdog acts %v after a renewal was sent: not between the killing and the end", l.Deadline())
	}
}
