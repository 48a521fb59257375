package kube_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The API server crashes while there is work: workers and controller go on when it is back, and every item is done once.
func TestWorkRestart(t *testing.T) { // all other tests of the package wait
	s := tell(t, list("{size: 60, block: {size: 5, timeout: 5m}}"))
	cmd := s.work("list", "-j2", "--", "sh", "-c", "echo {} >>done; sleep 0.1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.reads("done", "\n7\n")
	if err := apiServer.Restart(t.Context(), "kube-apiserver"); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %v", err, cmd.Stderr)
	}
	if got := s.lines("done"); !slices.Equal(got, numbers(60)) {
		t.Errorf("%d items: %v", len(got), got)
	}
	if !strings.Contains(fmt.Sprint(cmd.Stderr), "list: Complete, 60 done, 0 failed") {
		t.Errorf("it says %v", cmd.Stderr)
	}
	s.none()
}
