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
			if said := ask(g, fmt.Sprintln("until", int64(uptime.Now()+time.Hour))); said != "ok\n" {
				t.Errorf("it answered %q", said)
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

// Who comes while everything is being ended is answered, though that may take long: only that a time is taken has to wait, if it is still to come.
func TestAnswersWhileItEnds(t *testing.T) {
	g := &guard{}
	g.ending.Lock()
	g.connect(+1)
	if said := ask(g, "hello\nuntil 0\n"); said != "ok\nok\n" {
		t.Errorf("it answered %q", said)
	}
	taken := make(chan string)
	go func() { taken <- ask(g, fmt.Sprintln("until", int64(uptime.Now()+time.Hour))) }()
	for g.time() == 0 {
		select {
		case said := <-taken:
			t.Fatalf("it answered %q", said)
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case said := <-taken:
		t.Fatalf("while everything is being ended it answered %q", said)
	default:
	}
	g.ending.Unlock()
	if said := <-taken; said != "ok\n" {
		t.Errorf("it answered %q", said)
	}
}

func (g *guard) time() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.until
}

// ask is what a watchdog answers to orders.
func ask(g *guard, orders string) string {
	var answers strings.Builder
	g.serve(struct {
		io.Reader
		io.Writer
	}{strings.NewReader(orders), &answers})
	return answers.String()
}
