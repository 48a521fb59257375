package test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"teamtask.dev/test/terminal"
)

// onTerminal runs a command on a terminal of its own, and returns what is on its screen in the end.
func onTerminal(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	person, program := terminal.Open(t)
	if err := unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = program, program, program
	cmd.Env = append(os.Environ(), "TERM=xterm", "XDG_STATE_HOME="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	program.Close()
	text, _ := io.ReadAll(person) // ends with an error when the last process has closed the terminal
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return screen(string(text))
}

// control is what a program sends to a terminal beside text: as much of ECMA-48 as progress bars use.
var control = regexp.MustCompile("(?s)\x1b\\[(\\d*)([A-Za-z])|(.)")

// screen is what a terminal shows after it was sent a text.
func screen(text string) []string {
	lines, x, y := []string{""}, 0, 0
	for _, m := range control.FindAllStringSubmatch(text, -1) {
		switch count, command, c := m[1], m[2], m[3]; {
		case command == "A": // up
			n, err := strconv.Atoi(count)
			if err != nil {
				n = 1
			}
			y = max(0, y-n)
		case command == "J": // erase from here on
			lines = append(lines[:y], lines[y][:min(x, len(lines[y]))])
		case command == "K": // erase to the end of the line
			lines[y] = lines[y][:min(x, len(lines[y]))]
		case c == "\r":
			x = 0
		case c == "\n":
			if y++; y == len(lines) {
				lines = append(lines, "")
			}
		case c != "":
			line := []byte(fmt.Sprintf("%-*s", x+1, lines[y]))
			line[x] = c[0]
			lines[y] = string(line)
			x++
		}
	}
	return lines
}

// On a terminal the progress bar takes nothing away of what commands print, and is gone in the end.
func TestProgressBarLeavesOutputAlone(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(teamtask, "run", "-j2", "--range", "1..6", "--", "sh", "-c", "sleep 0.3; echo out {}; printf 'err {}' >&2")
	lines := onTerminal(t, cmd)
	for i := 1; i <= 6; i++ {
		for _, want := range []string{fmt.Sprint("out ", i), fmt.Sprint("err ", i)} {
			n := 0
			for _, line := range lines {
				if strings.TrimSpace(line) == want {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%q is on the screen %d times", want, n)
			}
		}
	}
	all := strings.Join(lines, "\n")
	if strings.Contains(all, "[=") || !strings.Contains(all, "Complete: all items are done") {
		t.Error("the bar is still there, or the end is not told")
	}
	if t.Failed() {
		t.Log("\n" + all)
	}
}
