package podman

import (
	"strings"
	"testing"
)

// Podman 4.0 is the first that will do, however its version is written.
func TestRecent(t *testing.T) {
	for said, enough := range map[string]bool{
		"podman version 4.3.1\n": true, "podman version 4.0.0": true, "podman version 5.4.2-dev": true, "podman version 10.0": true,
		"podman version 3.4.4": false, "": false, "podman version next": false,
	} {
		err := recent(said)
		if (err == nil) != enough {
			t.Errorf("recent(%q) = %v", said, err)
		}
		if err != nil && !strings.Contains(err.Error(), "4.0 or later") {
			t.Errorf("recent(%q) does not say what to do: %v", said, err)
		}
	}
}

// What is missing is told by the names of the packages that have it.
func TestMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	found := beside
	beside = nil
	t.Cleanup(func() { beside = found })
	_, err := find(t.Context())
	if err == nil || !strings.HasSuffix(err.Error(), "(apt-get install podman conmon netavark catatonit iptables runc)") {
		t.Errorf("find() = %v", err)
	}
}

// A signal is written as people write it.
func TestSignal(t *testing.T) {
	for text, want := range map[string]int{"SIGTERM": 15, "term": 15, "INT": 2, "9": 9, "sigusr1": 10} {
		if got, err := signal(text); err != nil || int(got) != want {
			t.Errorf("signal(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "SIG", "0", "65", "-1", "SIGNAL"} {
		if got, err := signal(text); err == nil {
			t.Errorf("signal(%q) = %d", text, got)
		}
	}
}
