package worker

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// launch starts a shell script that says the PIDs of those that are to be gone, a line each and then an empty one.
func launch(t *testing.T, script string) (p *Program, pids []int) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err = Start([]string{"sh", "-c", script}, os.Environ(), nil, w, os.Stderr)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() && lines.Text() != "" {
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return p, pids
}

// runs tells whether a process executes anything: a zombie does not.
func runs(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return syscall.Kill(pid, 0) == nil
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// A program is gone with its children when Stop returns: gently, by force when the grace is over, or at once.
func TestProgramStops(t *testing.T) {
	for _, c := range []struct {
		what, script string
		grace        time.Duration
		now          bool
		code         int
	}{
		// A shell's child that is not a sleep yet forgets a SIGTERM for which the shell has a trap.
		{"in order", `trap 'kill $!; exit 3' TERM; sleep 1000 & until grep -q sleep /proc/$!/comm; do :; done; echo $$; echo $!; echo; wait`, time.Hour, false, 3},
		{"deaf", `trap '' TERM; sleep 1000 & echo $$; echo $!; echo; while :; do wait; done`, 10 * time.Millisecond, false, 128 + 9},
		{"a deaf child", `(trap '' TERM; exec sleep 1000) & echo $!; echo; exec sleep 1000`, 500 * time.Millisecond, false, 128 + 15},
		{"no time", `trap '' TERM; echo $$; echo; while :; do sleep 1000; done`, time.Hour, true, 128 + 9},
		{"ended by itself, not its child", `sleep 1000 & echo $!; echo; exit 5`, time.Hour, false, 5},
	} {
		t.Run(c.what, func(t *testing.T) {
			p, pids := launch(t, c.script)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.now {
				cancel()
			}
			if c.code == 5 {
				<-p.Ended()
			}
			p.Stop(ctx, c.grace)
			for _, pid := range pids {
				if runs(pid) {
					t.Errorf("process %d goes on", pid)
				}
			}
			<-p.Ended()
			if code, how := p.Exit(); code != c.code {
				t.Errorf("it ends with %d (%s), want %d", code, how, c.code)
			}
		})
	}
}

// What cannot be started says so.
func TestProgramCannotStart(t *testing.T) {
	if _, err := Start([]string{"no-such-program"}, nil, nil, nil, nil); err == nil || !strings.Contains(err.Error(), exec.ErrNotFound.Error()) {
		t.Errorf("%v", err)
	}
}
