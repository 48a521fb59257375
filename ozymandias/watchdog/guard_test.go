package watchdog

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cgroup/cgrouptest"
	"teamtask.dev/uptime"
)

// A time that was taken counts at once, also for a watchdog that is just about to end everything: who told it starts something.
func TestTakesTimeAtOnce(t *testing.T) {
	path, enter := cgrouptest.Make(t, "taken")
	group, err := cgroup.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	program := exec.Command("sh", "-c", "read go; echo started; exec sleep 1000")
	cgrouptest.Start(t, program, enter)
	g := &guard{group: group, connected: 1}
	looks := 0
	replaced := func() bool {
		if looks++; looks == 1 {
			var answer strings.Builder
			g.serve(struct {
				io.Reader
				io.Writer
			}{strings.NewReader(fmt.Sprintln("until", int64(uptime.Now()+time.Hour))), &answer})
			if answer.String() != "ok\n" {
				t.Errorf("it answered %q", &answer)
			}
		}
		return looks == 3
	}
	if err := g.watch(t.Context(), replaced); err != nil {
		t.Fatal(err)
	}
	if left, err := group.Processes(); err != nil || len(left) != 1 {
		t.Errorf("%v run, %v", left, err)
	}
}
