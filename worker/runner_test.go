package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newRunner(t testing.TB, pipe bool, command ...string) *Runner {
	t.Helper()
	tmpl, err := Parse(command, pipe)
	if err != nil {
		t.Fatal(err)
	}
	src, err := items.Spec{Range: span("1..100")}.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Runner{Template: tmpl, Source: src, Worklist: "numbers", Worker: "me"}
}

// outcome is what a run reports, added up.
type outcome struct {
	done, failed string // indexes
	reasons      []string
	found        []string
	rows         []v1alpha1.ItemResult
}

func (o *outcome) add(r v1alpha1.Report) {
	for _, d := range r.Done {
		for i := range d.Size {
			o.done += fmt.Sprint(d.Index+i, " ")
		}
	}
	for _, f := range r.Failed {
		for i := range f.Size {
			o.failed += fmt.Sprint(f.Index+i, " ")
		}
		o.reasons = append(o.reasons, f.Reason)
	}
	for _, f := range r.Found {
		o.found = append(o.found, f.Value)
	}
	o.rows = append(o.rows, r.Results...)
}

func run(t testing.TB, r *Runner, index, size int64) (o outcome) {
	t.Helper()
	if err := r.Run(t.Context(), v1alpha1.Lease{Index: index, Size: size, Attempt: 1}, 1, nil, o.add); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestItemByItem(t *testing.T) {
	var out, errs bytes.Buffer
	r := newRunner(t, false, "sh", "-c", `echo "$TEAMTASK_WORKLIST $TEAMTASK_ITEM"; echo oops >&2; test {} != 12`)
	r.Stdout, r.Stderr = &out, &errs
	o := run(t, r, 10, 3)
	if o.done != "10 12 " || o.failed != "11 " || o.reasons[0] != "exit status 1" {
		t.Errorf("%+v", o)
	}
	if out.String() != "numbers 11\nnumbers 12\nnumbers 13\n" || errs.String() != "oops\noops\noops\n" {
		t.Errorf("%q, %q", out.String(), errs.String())
	}
	if len(o.rows) != 1 || o.rows[0].Exit != 1 || o.rows[0].OK {
		t.Errorf("only failures have rows: %+v", o.rows)
	}
}

func TestBlockAtOnce(t *testing.T) {
	var out bytes.Buffer
	r := newRunner(t, false, "echo", "{start}..{end}")
	r.Stdout, r.Rows, r.Output = &out, true, 100
	o := run(t, r, 10, 3)
	if out.String() != "11..13\n" || o.done != "10 11 12 " {
		t.Errorf("%q %+v", out.String(), o)
	}
	if len(o.rows) != 1 || o.rows[0].Size != 3 || o.rows[0].Output != "11..13" {
		t.Errorf("%+v", o.rows)
	}
}

func TestPipe(t *testing.T) {
	for _, c := range []struct {
		script, out string
		done        bool
	}{
		{"cat", "11\n12\n13\n", true},
		{"head -n1", "11\n", true}, // it need not read all
		{"exec true", "", true},    // or anything
		{"cat >/dev/null; exit 3", "", false},
	} {
		var out bytes.Buffer
		r := newRunner(t, true, "sh", "-c", c.script)
		r.Stdout = &out
		o := run(t, r, 10, 3)
		if out.String() != c.out || (o.done != "") != c.done || (o.failed != "") == c.done {
			t.Errorf("%s: %q %+v", c.script, out.String(), o)
		}
	}
}

// A process that does not read more than a pipe holds gets no error, and leaves nothing behind.
func TestPipeThatIsNotRead(t *testing.T) {
	r := newRunner(t, true, "true")
	src, err := items.Spec{Range: span("1..1000000")}.Build(nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Source = src
	var reports []v1alpha1.Report
	err = r.Run(t.Context(), v1alpha1.Lease{Size: 1_000_000}, 1, nil, func(rep v1alpha1.Report) { reports = append(reports, rep) })
	if err != nil || len(reports) != 1 || len(reports[0].Failed) > 0 {
		t.Errorf("%+v, %v", reports, err)
	}
}

func TestTimeOutEndsChildrenToo(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	r := newRunner(t, false, "sh", "-c", "sleep 1000 & echo $! > "+pidFile+"; wait", "{}")
	var said []byte
	// A busy machine may need all of the time to start the shell: it is given more, until it has a child.
	for r.Timeout = 200 * time.Millisecond; !bytes.HasSuffix(said, []byte("\n")) && r.Timeout < time.Minute; r.Timeout *= 2 {
		if o := run(t, r, 0, 1); o.failed != "0 " || o.reasons[0] != "timed out after "+r.Timeout.String() {
			t.Errorf("%+v", o)
		}
		said, _ = os.ReadFile(pidFile)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(said)))
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return gone(pid) })
}

// gone tells whether a process has ended, be it that nobody has reaped it yet.
func gone(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatal("it does not happen")
		case <-look.C:
		}
	}
}

func TestCancelReportsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	r := newRunner(t, false, "sh", "-c", "touch "+started+"; exec sleep 1000", "{}")
	go func() {
		waitUntil(t, func() bool { _, err := os.Stat(started); return err == nil })
		cancel()
	}()
	var o outcome
	err := r.Run(ctx, v1alpha1.Lease{Size: 3}, 1, nil, o.add)
	if !errors.Is(err, context.Canceled) || o.done+o.failed != "" {
		t.Errorf("%v %+v", err, o)
	}
}

func TestDrainStopsBetweenItems(t *testing.T) {
	drain := make(chan struct{})
	r := newRunner(t, false, "true")
	var o outcome
	err := r.Run(t.Context(), v1alpha1.Lease{Size: 10}, 1, drain, func(rep v1alpha1.Report) {
		o.add(rep)
		if len(o.done) == len("0 1 ") {
			close(drain)
		}
	})
	if err != nil || o.done != "0 1 " {
		t.Errorf("%v %+v", err, o)
	}
}

func TestRetries(t *testing.T) {
	dir := t.TempDir()
	r := newRunner(t, false, "sh", "-c", "echo x >> "+dir+"/{}; test $(wc -l < "+dir+"/{}) -ge 3")
	r.Retries = 2
	if o := run(t, r, 0, 2); o.done != "0 1 " {
		t.Errorf("%+v", o)
	}
	r.Retries = 0
	os.Remove(dir + "/1")
	if o := run(t, r, 0, 1); o.failed != "0 " {
		t.Errorf("%+v", o)
	}
}

func TestFind(t *testing.T) {
	r := newRunner(t, false, "sh", "-c", "test {} = 3 || { test {} != 4 || exit 2; exit 1; }")
	r.Find = true
	o := run(t, r, 0, 5)
	if fmt.Sprint(o.found) != "[3]" || o.done != "0 1 2 4 " || o.failed != "3 " {
		t.Errorf("%+v", o)
	}
	r = newRunner(t, true, "grep", "-E", "^.7$")
	r.Find = true
	if o := run(t, r, 0, 50); fmt.Sprint(o.found) != "[17 27 37 47]" || o.failed != "" {
		t.Errorf("%+v", o)
	}
}

func TestSignal(t *testing.T) {
	r := newRunner(t, false, "sh", "-c", "kill -9 $$", "{}")
	if o := run(t, r, 0, 1); o.reasons[0] != "signal: killed" || o.rows[0].Signal != "killed" {
		t.Errorf("%+v", o)
	}
}

// A command that cannot be started is no item's fault.
func TestCommandThatIsNotThere(t *testing.T) {
	r := newRunner(t, false, "no-such-command-anywhere")
	if err := r.Check(); err == nil {
		t.Error("Check finds it")
	}
	var o outcome
	if err := r.Run(t.Context(), v1alpha1.Lease{Size: 2}, 1, nil, o.add); err == nil || o.failed != "" {
		t.Errorf("%v %+v", err, o)
	}
}

func TestOutputsDoNotMix(t *testing.T) {
	var out bytes.Buffer
	r := newRunner(t, false, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do echo {}; done")
	r.Stdout = &out
	var all sync.WaitGroup
	for slot := range 4 {
		all.Go(func() {
			r.Run(t.Context(), v1alpha1.Lease{Index: int64(slot) * 10, Size: 10}, slot+1, nil, func(v1alpha1.Report) {})
		})
	}
	all.Wait()
	lines := strings.Fields(out.String())
	if len(lines) != 4*10*9 {
		t.Fatalf("%d lines", len(lines))
	}
	for i := 0; i < len(lines); i += 9 {
		for _, l := range lines[i : i+9] {
			if l != lines[i] {
				t.Fatalf("%s among those of %s", l, lines[i])
			}
		}
	}
}

func TestLargeOutput(t *testing.T) {
	var out bytes.Buffer
	r := newRunner(t, false, "sh", "-c", "head -c 5000000 /dev/zero; echo the end", "{}")
	r.Stdout, r.Output, r.Rows = &out, 10, true
	o := run(t, r, 0, 1)
	if out.Len() != 5000008 || o.rows[0].Output != "\x00the end" && !strings.HasSuffix(o.rows[0].Output, "the end") {
		t.Errorf("%d bytes, row %q", out.Len(), o.rows[0].Output)
	}
}

func TestJoblog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "joblog")
	for range 2 { // the second time it is appended to
		j, err := OpenJoblog(name)
		if err != nil {
			t.Fatal(err)
		}
		r := newRunner(t, false, "sh", "-c", "echo hi; exit {}")
		r.Joblog = j
		run(t, r, 0, 2)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	line := func(seq, exit string) string {
		return seq + `\t[^\t]+\t[0-9]+\.[0-9]{3}\t +[0-9.]+\t0\t3\t` + exit + `\t0\tsh -c 'echo hi; exit ` + exit + "'\n"
	}
	want := "^Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n" + strings.Repeat(line("1", "1")+line("2", "2"), 2) + "$"
	if !regexp.MustCompile(want).Match(b) {
		t.Errorf("got\n%s", b)
	}
}

func BenchmarkRunner(b *testing.B) {
	r := newRunner(b, false, "/bin/true")
	r.Source = nil // as many items as it takes
	if err := r.Run(b.Context(), v1alpha1.Lease{Size: int64(b.N)}, 1, nil, func(v1alpha1.Report) {}); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkExec is what BenchmarkRunner is measured against: nothing but the command.
func BenchmarkExec(b *testing.B) {
	for range b.N {
		if err := exec.Command("/bin/true").Run(); err != nil {
			b.Fatal(err)
		}
	}
}

func span(text string) *items.RangeSpec {
	r, err := items.ParseRange(text)
	if err != nil {
		panic(err)
	}
	return r
}
