package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/items"
)

// runnerOf is a runner for items written out.
func runnerOf(t testing.TB, texts []string, command ...string) *Runner {
	t.Helper()
	r := newRunner(t, false, command...)
	src, err := items.Spec{Values: texts}.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Source = src
	return r
}

func write(t testing.TB, name, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// Where the outputs of commands cannot be kept, as in an image that has nothing but the program, that is said before there is any
// item that it could be held against, and what to do about it.
func TestNoRoomForOutput(t *testing.T) {
	r := runnerOf(t, []string{"a"}, "true")
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	if err := r.Check(); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Errorf("%v", err)
	}
}

// An item that makes no command fails alone, with the exit code that a shell would have.
func TestItemThatCannotBeRun(t *testing.T) {
	dir := t.TempDir()
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 3<<20)
	for _, c := range []struct {
		name, item string
		command    []string
		exit       int
		reason     string
	}{
		{"NUL in an argument", "a\x00b", []string{"echo", "{}"}, 126, "cannot execute: an argument holds a NUL byte"},
		{"NUL in a shell's line", "a\x00b", []string{"echo {} | cat"}, 126, "cannot execute: an argument holds a NUL byte"},
		{"NUL in the program", "a\x00b", []string{"{}"}, 126, "cannot execute: an argument holds a NUL byte"},
		{"NUL for a block", "a\x00b", []string{"echo", "{start}"}, 126, "cannot execute: an argument holds a NUL byte"},
		{"long argument", long, []string{"true", "{}"}, 126, "cannot execute: argument list too long"},
		{"long shell line", long, []string{"test -n {}"}, 126, "cannot execute: argument list too long"},
		{"long for a block", long, []string{"true", "{end}"}, 126, "cannot execute: argument list too long"},
		{"many arguments", strings.Repeat("x", 100<<10), append([]string{"true"}, slices.Repeat([]string{"{}"}, 100)...), 126,
			"cannot execute: argument list too long"},
		{"no such file", "/no/such", []string{"{}"}, 127, "cannot execute: no such file or directory"},
		{"no such file, named in part", "such", []string{"/no/{}", "x"}, 127, "cannot execute: no such file or directory"},
		{"no such command", "no-such-command-anywhere", []string{"{}"}, 127, "cannot execute: executable file not found in $PATH"},
		{"empty", "", []string{"{}"}, 127, "cannot execute: executable file not found in $PATH"},
		{"not in a directory", "/dev/null/x", []string{"{}"}, 127, "cannot execute: not a directory"},
		{"name too long", "/" + strings.Repeat("x", 300), []string{"{}"}, 127, "cannot execute: file name too long"},
		{"loop", loop, []string{"{}"}, 127, "cannot execute: too many levels of symbolic links"},
		{"directory", dir, []string{"{}"}, 126, "cannot execute: permission denied"},
		{"not executable", write(t, dir+"/plain", "", 0o644), []string{"{}"}, 126, "cannot execute: permission denied"},
		{"no program", write(t, dir+"/text", "text", 0o755), []string{"{}"}, 126, "cannot execute: exec format error"},
		{"no interpreter", write(t, dir+"/script", "#!/no/such\n", 0o755), []string{"{}"}, 127, "cannot execute: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runnerOf(t, []string{"/bin/true", c.item, "/bin/true"}, c.command...)
			r.Output = 100
			o := run(t, r, 1, 1)
			if o.done != "" || o.failed != "1 " || !slices.Equal(o.reasons, []string{c.reason}) {
				t.Fatalf("%+v", o)
			}
			if row := o.rows[0]; row.OK || row.Exit != c.exit || row.Reason != c.reason || row.Output != "" {
				t.Errorf("%+v", row)
			}
			if r.Template.Mode != PerItem || strings.HasPrefix(c.command[0], "/no/") {
				return
			}
			if o := run(t, r, 0, 3); o.done != "0 2 " || o.failed != "1 " {
				t.Errorf("among others: done %q, failed %q", o.done, o.failed)
			}
		})
	}
}

// What would stop every item stops the worker, and fails none.
func TestWhatIsNoItemsFault(t *testing.T) {
	t.Run("the program goes", func(t *testing.T) {
		name := write(t, t.TempDir()+"/once", "#!/bin/sh\nrm $0\n", 0o755)
		var o outcome
		err := newRunner(t, false, name, "{}").Run(t.Context(), v1alpha1.Lease{Size: 3}, 1, nil, o.add)
		if !errors.Is(err, fs.ErrNotExist) || o.done != "0 " || o.failed != "" {
			t.Errorf("%v, %+v", err, o)
		}
	})
	t.Run("no more files can be opened", func(t *testing.T) {
		r := runnerOf(t, []string{"/bin/true", "/bin/true"}, "{}")
		var o outcome
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
		err := r.Run(t.Context(), v1alpha1.Lease{Size: 2}, 1, nil, func(rep v1alpha1.Report) {
			o.add(rep)
			syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: before.Max})
		})
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
		if !errors.Is(err, syscall.EMFILE) || o.done != "0 " || o.failed != "" {
			t.Errorf("%v, %+v", err, o)
		}
	})
	t.Run("the worker's own environment is too large", func(t *testing.T) {
		for i := range 100 {
			t.Setenv(fmt.Sprint("LARGE", i), strings.Repeat("x", 100<<10))
		}
		var o outcome
		err := newRunner(t, false, "true", "{}").Run(t.Context(), v1alpha1.Lease{Size: 2}, 1, nil, o.add)
		if !errors.Is(err, syscall.E2BIG) || o.done+o.failed != "" {
			t.Errorf("%v, %+v", err, o)
		}
	})
}

// What the machine lacks is no item's fault, nor is a program that is the same for all.
func TestFaultsOfTheMachine(t *testing.T) {
	start := func(errno syscall.Errno) error {
		return fmt.Errorf("run: %w", startError{&fs.PathError{Op: "fork/exec", Path: "x", Err: errno}})
	}
	for _, c := range []struct {
		program string
		err     error
		exit    int
	}{
		{"{}", start(syscall.EACCES), 126},
		{"{}", start(syscall.ENOENT), 127},
		{"{}", start(syscall.EAGAIN), 0},
		{"{}", start(syscall.ENOMEM), 0},
		{"{}", start(syscall.EMFILE), 0},
		{"{}", start(syscall.ENFILE), 0},
		{"{}", start(syscall.EIO), 0},
		{"{}", syscall.ENOENT, 0}, // of something else
		{"{}", nil, 0},
		{"fixed", start(syscall.ENOENT), 0},
		{"fixed", startError{exec.ErrNotFound}, 0},
		{"fixed-{%}", start(syscall.ENOENT), 0},  // depends on the slot alone
		{"test -x {}", start(syscall.ENOENT), 0}, // that is /bin/sh
	} {
		tmpl, err := Parse([]string{c.program}, false)
		if err != nil {
			t.Fatal(err)
		}
		args := tmpl.expand(&values{item: "x"})
		if exit, reason := tmpl.itemsFault(c.err, args, nil); exit != c.exit || (reason == "") != (exit == 0) {
			t.Errorf("%s, %v: %d %q, want %d", c.program, c.err, exit, reason, c.exit)
		}
	}
}

// A variable that an environment cannot carry is not there; nobody fails for it.
func TestEnvironmentOfUnfitItems(t *testing.T) {
	const show = `for v in START END ITEM ITEM_INDEX; do eval "printf '%s ' \${TEAMTASK_$v-none}"; done; : {#}`
	for _, v := range []string{"START", "END", "ITEM", "ITEM_INDEX", "ATTEMPT"} {
		t.Setenv("TEAMTASK_"+v, "outer") // as when a worker runs in a worker's command
	}
	long := strings.Repeat("x", 128<<10)
	for _, c := range []struct {
		name  string
		items []string
		want  string
	}{
		{"all fit", []string{"a", "b", "c"}, "a c a 0 a c b 1 a c c 2 "},
		{"NUL first", []string{"\x00", "b", "c"}, "none c none 0 none c b 1 none c c 2 "},
		{"NUL last", []string{"a", "b", "\x00"}, "a none a 0 a none b 1 a none none 2 "},
		{"long first", []string{long, "b", "c"}, "none c none 0 none c b 1 none c c 2 "},
		{"long last", []string{"a", "b", long}, "a none a 0 a none b 1 a none none 2 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			r := runnerOf(t, c.items, "sh", "-c", show)
			r.Stdout = &out
			if o := run(t, r, 0, 3); o.done != "0 1 2 " {
				t.Errorf("%+v", o)
			}
			if out.String() != c.want {
				t.Errorf("%.200q, want %q", out.String(), c.want)
			}
		})
	}
	t.Run("block", func(t *testing.T) {
		var out bytes.Buffer
		r := newRunner(t, true, "sh", "-c", strings.TrimSuffix(show, ": {#}"))
		r.Stdout = &out
		if run(t, r, 0, 2); out.String() != "1 2 none none " {
			t.Errorf("%q", out.String())
		}
	})
}

// The longest value that Linux lets an environment carry is set.
func TestLongestVariable(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("another system's bound")
	}
	var out bytes.Buffer
	most := 128<<10 - len("TEAMTASK_ITEM=") - 1 // it ends with a NUL
	r := runnerOf(t, []string{strings.Repeat("x", most), strings.Repeat("x", most+1)}, "sh", "-c", `echo "${#TEAMTASK_ITEM}"; : {#}`)
	r.Stdout = &out
	if o := run(t, r, 0, 2); o.done != "0 1 " || out.String() != fmt.Sprintf("%d\n0\n", most) {
		t.Errorf("%q, %+v", out.String(), o)
	}
}

// An item whose command line leaves no room for large variables goes without them: they may be its neighbours'.
func TestVariablesYieldToArguments(t *testing.T) {
	large := strings.Repeat("x", 100<<10)
	args := []string{}
	for exec.Command("true", args...).Run() == nil {
		args = append(args, large)
	}
	r := runnerOf(t, []string{large, "b", large}, append([]string{"sh", "-c", `test ${#TEAMTASK_INDEX} = 1; : {#}`}, args[:len(args)-1]...)...)
	if o := run(t, r, 0, 3); o.done != "0 1 2 " {
		t.Errorf("done %q, failed %q %v", o.done, o.failed, o.reasons)
	}
}

// A child that a command leaves behind lives on, as with GNU parallel, but what it says late is in nobody's output.
func TestLateOutput(t *testing.T) {
	const late = `until test -e go; do sleep 0.01; done; echo late; echo late >&2; touch wrote`
	for _, c := range []struct{ name, start string }{
		{"background", "sh -c '" + late + "' &"},
		{"its own session", "setsid sh -c '" + late + "' &"},
		{"outputs opened again", "sh -c '" + late + "' >>/dev/stdout 2>>/dev/stderr &"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			write(t, "start", c.start, 0o644)
			var out, errs bytes.Buffer
			r := newRunner(t, false, "sh", "-c", `case {} in
				1) . ./start;;
				2) touch go; until test -e wrote; do sleep 0.01; done;;
				esac; echo {}; echo {} >&2`)
			r.Stdout, r.Stderr, r.Timeout = &out, &errs, 20*time.Second
			if o := run(t, r, 0, 3); o.done != "0 1 2 " {
				t.Errorf("%+v", o)
			}
			if out.String() != "1\n2\n3\n" || errs.String() != "1\n2\n3\n" {
				t.Errorf("output %q, errors %q", out.String(), errs.String())
			}
		})
	}
}

// A child that holds the standard input and does not read it holds up nobody.
func TestPipeHeldByChild(t *testing.T) {
	defer goleak.VerifyNone(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	r := newRunner(t, true, "sh", "-c", "exec 3<&0; sleep 1000 <&3 & echo $! > "+pidFile)
	r.Source = nil
	var o outcome
	ran := make(chan error, 1)
	go func() {
		ran <- r.Run(t.Context(), v1alpha1.Lease{Size: 1_000_000}, 1, nil, func(rep v1alpha1.Report) { o.reasons = append(o.reasons, fmt.Sprint(rep.Done)) })
	}()
	pid := pidIn(t, pidFile)
	defer syscall.Kill(pid, syscall.SIGKILL)
	select {
	case err := <-ran:
		if err != nil || fmt.Sprint(o.reasons) != "[[{0 1000000}]]" {
			t.Errorf("%v, %v", err, o.reasons)
		}
	case <-time.After(20 * time.Second):
		syscall.Kill(pid, syscall.SIGKILL)
		t.Errorf("Run waits for the child: %v", <-ran)
	}
}

// pidIn waits for a process to write its number.
func pidIn(t *testing.T, name string) (pid int) {
	t.Helper()
	waitUntil(t, func() bool {
		b, _ := os.ReadFile(name)
		_, err := fmt.Sscanln(string(b), &pid)
		return err == nil
	})
	return pid
}

// Values are cut between characters, and are UTF-8 whatever the command writes: JSON has nothing else.
func TestOutputIsText(t *testing.T) {
	for _, c := range []struct {
		name, printed string
		most          int
		want          string
	}{
		{"all of it", "äöü", 6, "äöü"},
		{"within a character", "äöü", 5, "öü"},
		{"between characters", "äöü", 4, "öü"},
		{"none fits", "a€", 2, ""},
		{"four bytes", "x😀y", 4, "y"},
		{"four bytes fit", "x😀y", 5, "😀y"},
		{"invalid", `a\377b`, 10, "a\uFFFDb"},
		{"invalid at the cut", `\200\200\200\200\200b`, 3, "b"},
		{"invalid beyond the cut", `\200\200\200\200\200\200\200b`, 6, "\uFFFDb"},
		{"grows beyond the bound", `\377a\377a\377a`, 6, "a\uFFFDa"},
		{"half a character", `\303`, 5, "\uFFFD"},
		{"NUL", `a\000b`, 5, "a\x00b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRunner(t, false, "printf", c.printed+`\n%.0s`, "{}")
			r.Output, r.Rows = c.most+1, true // the newline is not reported
			if got := run(t, r, 0, 1).rows[0].Output; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestFoundIsText(t *testing.T) {
	euros := strings.Repeat("€", maxFoundBytes) // three bytes each
	cut := euros[:maxFoundBytes/3*3]
	for _, c := range []struct{ name, text, want string }{
		{"fits", "a€", "a€"},
		{"cut within a character", euros, cut},
		{"invalid", "a\xffb", "a\uFFFDb"},
		{"grows beyond the bound", strings.Repeat("\xffa", maxFoundBytes/2), strings.Repeat("\uFFFDa", maxFoundBytes/4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runnerOf(t, []string{c.text}, "true")
			r.Find = true
			if o := run(t, r, 0, 1); !slices.Equal(o.found, []string{c.want}) {
				t.Errorf("an item: %.100q", o.found)
			}
			name := write(t, t.TempDir()+"/text", "\n  "+c.text+" \nmore\n", 0o644)
			r = newRunner(t, true, "cat", name)
			r.Find = true
			if o := run(t, r, 0, 1); !slices.Equal(o.found, []string{c.want, "more"}) {
				t.Errorf("a line: %.100q", o.found)
			}
		})
	}
}

// A line is found whole or cut at the bound, wherever it stands in the output.
func TestFoundAfterLongLines(t *testing.T) {
	long := strings.Repeat("x", maxFound*maxFoundBytes-3)
	for _, before := range []string{long, strings.Repeat("\n", maxFound*maxFoundBytes), strings.Repeat(long+"\n", 3)} {
		r := newRunner(t, true, "cat", write(t, t.TempDir()+"/text", before+"\nwhole", 0o644))
		r.Find = true
		o := run(t, r, 0, 1)
		if len(o.found) == 0 || o.found[len(o.found)-1] != "whole" {
			t.Errorf("%.100q", o.found)
		}
		for _, f := range o.found[:max(0, len(o.found)-1)] {
			if f != long[:maxFoundBytes] {
				t.Errorf("%d bytes", len(f))
			}
		}
	}
}

// When the context has ended nothing is started any more: the second item's command would not even be found.
func TestNothingStartsAfterCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	r := newRunner(t, false, write(t, t.TempDir()+"/once", "#!/bin/sh\nrm $0\n", 0o755))
	var o outcome
	err := r.Run(ctx, v1alpha1.Lease{Size: 3}, 1, nil, func(rep v1alpha1.Report) {
		o.add(rep)
		cancel()
	})
	if !errors.Is(err, context.Canceled) || o.done != "0 " {
		t.Errorf("%v, %+v", err, o)
	}
}

// A worker that is to stop does not start a command: neither a block's, nor again one that has failed.
func TestDrainStartsNothing(t *testing.T) {
	t.Run("block", func(t *testing.T) {
		drain := make(chan struct{})
		close(drain)
		for _, pipe := range []bool{false, true} {
			var o outcome
			dir := t.TempDir()
			err := newRunner(t, pipe, "touch", dir+"/{index}").Run(t.Context(), v1alpha1.Lease{Size: 3}, 1, drain, o.add)
			if started, _ := filepath.Glob(dir + "/*"); err != nil || len(started) > 0 || o.done != "" {
				t.Errorf("%v, %q, %+v", err, started, o)
			}
		}
	})
	t.Run("retry", func(t *testing.T) {
		defer goleak.VerifyNone(t)
		drain := make(chan struct{})
		dir := t.TempDir()
		r := newRunner(t, false, "sh", "-c", "touch "+dir+"/{}; exit 1")
		r.Retries = math.MaxInt
		go func() {
			waitUntil(t, func() bool { _, err := os.Stat(dir + "/1"); return err == nil })
			close(drain)
		}()
		var o outcome
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := r.Run(ctx, v1alpha1.Lease{Size: 3}, 1, drain, o.add); err != nil || o.done+o.failed != "" {
			t.Errorf("%v, %+v", err, o)
		}
	})
}

// The children of a command that is ended get their time to end, too.
func TestChildrenFinish(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "child", `trap "sleep 0.1; touch cleared; exit" TERM; touch ready; while :; do sleep 0.01; done`, 0o644)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		waitUntil(t, func() bool { _, err := os.Stat("ready"); return err == nil })
		cancel()
	}()
	r := newRunner(t, false, "sh", "-c", "sh ./child & wait", "{}")
	if err := r.Run(ctx, v1alpha1.Lease{Size: 1}, 1, nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := os.Stat("cleared"); err != nil {
		t.Error(err)
	}
}

// Whatever ended it, a command that ran out of time has failed, in the joblog as well.
func TestJoblogOfFailures(t *testing.T) {
	for _, c := range []struct {
		name, item string
		command    []string
		timeout    time.Duration
		want       string // exit code, signal, command
	}{
		{"exit code", "3", []string{"exit {}"}, 0, "3\t0\t/bin/sh -c 'exit 3'"},
		{"signal", "9", []string{"kill -{} $$"}, 0, "0\t9\t/bin/sh -c 'kill -9 $$'"},
		{"timeout", "1000", []string{"sleep", "{}"}, 50 * time.Millisecond, "-1\t15\tsleep 1000"},
		{"not found", "/no/such", []string{"{}"}, 0, "127\t0\t/no/such"},
		{"lines stay lines", "a\nb", []string{"echo", "{}"}, 0, "0\t0\techo 'a\x00b'"}, // as GNU parallel writes it
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "joblog")
			j, err := OpenJoblog(name)
			if err != nil {
				t.Fatal(err)
			}
			r := runnerOf(t, []string{c.item}, c.command...)
			r.Joblog, r.Timeout = j, c.timeout
			run(t, r, 0, 1)
			if err := j.Close(); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Split(string(b), "\n"); len(lines) != 3 || !strings.HasSuffix(lines[1], "\t"+c.want) {
				t.Errorf("got %q, want %q", lines, c.want)
			}
		})
	}
}

// Runners of several lists share a terminal.
func TestOutputsOfRunnersDoNotMix(t *testing.T) {
	var out bytes.Buffer // whose methods must not run at the same time
	var all sync.WaitGroup
	for slot := range 4 {
		r := newRunner(t, false, "sh", "-c", "head -c 100000 /dev/zero | tr '\\0' "+strconv.Itoa(slot), "{}")
		r.Stdout, r.Stderr = &out, &out
		all.Go(func() {
			r.Run(t.Context(), v1alpha1.Lease{Size: 5}, slot+1, nil, func(v1alpha1.Report) {})
		})
	}
	all.Wait()
	if out.Len() != 4*5*100000 {
		t.Fatalf("%d bytes", out.Len())
	}
	for whole := range slices.Chunk(out.Bytes(), 100000) {
		if bytes.Count(whole, whole[:1]) != len(whole) {
			t.Fatal("outputs are mixed")
		}
	}
}
