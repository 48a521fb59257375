package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/schedule"
)

// What an instance has written is read on whichever node it is, of all containers or of one, and followed.
func TestLogs(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "print one warn two stay", "db": "print three stay"})
	read := func(l client.Log, enough int) (lines []string) {
		ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
		defer done()
		for line, err := range s.Asked.Logs(ctx, "web-0", l) {
			if err != nil {
				t.Fatal(err)
			}
			if lines = append(lines, fmt.Sprint(line.Container, " ", line.Stderr, " ", line.Text)); len(lines) == enough {
				break
			}
		}
		slices.Sort(lines)
		return lines
	}
	all := []string{"app false one", "app true two", "db false three"}
	if got := read(client.Log{Follow: true}, 3); !slices.Equal(got, all) {
		t.Errorf("followed: %q", got)
	}
	if got := read(client.Log{}, 0); !slices.Equal(got, all) {
		t.Errorf("all: %q", got)
	}
	if got := read(client.Log{Container: "app", Tail: 1}, 0); len(got) != 1 {
		t.Errorf("the last of one: %q", got)
	}
	if got := read(client.Log{Since: time.Now().Add(time.Hour)}, 0); len(got) != 0 {
		t.Errorf("from later on: %q", got)
	}
	for _, c := range []struct {
		instance string
		log      client.Log
		want     v1.ProblemType
		says     string
	}{
		{"web-1", client.Log{}, v1.NotFound, `there is no instance "web-1"`},
		{"web-0", client.Log{Container: "cache"}, v1.NotFound, `web-0 has no container "cache", but app, db`},
	} {
		for _, err := range s.Asked.Logs(t.Context(), c.instance, c.log) {
			refused(t, err, c.want, c.says)
		}
	}
}

// What was written before a container was last started, and what has ended, is read where it ran.
func TestLogsOfThePast(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "print one stay"})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	read := func(l client.Log) (lines []string) {
		t.Helper()
		for line, err := range s.Asked.Logs(ctx, "web-0", l) {
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, line.Text)
			if l.Follow {
				break
			}
		}
		return lines
	}
	refuses := func(l client.Log, want v1.ProblemType, says string) {
		t.Helper()
		err := errors.New("no answer at all")
		for _, err = range s.Asked.Logs(ctx, "web-0", l) {
		}
		refused(t, err, want, says)
	}
	read(client.Log{Follow: true}) // it has begun
	refuses(client.Log{Previous: true}, v1.NotFound, "nothing is kept on n2 of an earlier attempt of app of web-0")
	web := schedule.Instance{Job: s.UID("web"), ID: "0"}
	crashed := filepath.Join(s.Machine.Options.Dir, "crashed.log")
	if err := os.WriteFile(crashed, []byte("2026-01-02T03:04:05.5+00:00 stderr F trouble\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Logs.Keep(web, "app", crashed); err != nil {
		t.Fatal(err)
	}
	if got := read(client.Log{Previous: true}); !slices.Equal(got, []string{"trouble"}) {
		t.Errorf("of the attempt before: %q", got)
	}

	// It ends for good, and the node removes it.
	there, err := s.Machine.Client.Container(ctx, "web-0-app")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Logs.Keep(web, "app", there.Log), s.Machine.Client.RemovePod(ctx, "web-0")); err != nil {
		t.Fatal(err)
	}
	s.Break("web", "0", 1)
	s.Settle()
	in, err := s.Asked.Instance(ctx, "web-0")
	if err != nil || in.Phase != v1.InstanceFailed || in.Node != "n2" || in.ExitCode == nil || *in.ExitCode != 7 || in.Message != "it ended with exit code 7" || in.Since == nil {
		t.Errorf("it is %+v, %v", in, err)
	}
	if all, err := s.Asked.Instances(ctx, "web", ""); err != nil || len(all) != 1 {
		t.Errorf("instances are %+v, %v", all, err)
	}
	if here, err := s.Asked.Instances(ctx, "", "n2"); err != nil || len(here) != 0 {
		t.Errorf("on its node there are %+v, %v", here, err)
	}
	if j, err := s.Asked.Job(ctx, "web"); err != nil || len(j.Instances) != 1 || j.Status.Phase != v1.Failed {
		t.Errorf("its job is %+v, %v", j, err)
	}
	if got := read(client.Log{}); !slices.Equal(got, []string{"one"}) {
		t.Errorf("of what has ended: %q", got)
	}
	refuses(client.Log{Previous: true}, v1.NotFound, "web-0 has ended; of what has ended only the last attempt is kept")
	_, err = s.Asked.Exec(ctx, "web-0", client.Exec{Command: []string{"/guest"}})
	refused(t, err, v1.NotRunning, "web-0 has ended (Failed): nothing of it runs")
	if err := s.Logs.Tidy(func(string) bool { return true }, 0); err != nil {
		t.Fatal(err)
	}
	refuses(client.Log{}, v1.NotFound, "no log of web-0 is kept on n2")
	refuses(client.Log{Node: "n2"}, v1.NotFound, "no log of web-0 is kept on n2")
	s.Kill("n2")
	refuses(client.Log{}, v1.NotRunning, "web-0 has ended, and what it has written is on n2, which is lost")
}

// What an instance wrote where it was before is read there, also if there is no such instance any more; and no other file is.
func TestLogsLeftBehind(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "print here stay"})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	read := func(instance string, l client.Log) (lines []string, err error) {
		for line, err := range s.Asked.Logs(ctx, instance, l) {
			if err != nil {
				return lines, err
			}
			if lines = append(lines, line.Container+" "+line.Text); l.Follow {
				break
			}
		}
		return lines, nil
	}
	left := filepath.Join(s.Machine.Options.Dir, "left.log")
	if err := os.WriteFile(left, []byte("2026-01-02T03:04:05.5+00:00 stdout F gone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, container := range []string{"app", "old"} {
		if err := s.Logs.Keep(schedule.Instance{Job: s.UID("web"), ID: "7"}, container, left); err != nil {
			t.Fatal(err)
		}
	}
	for _, at := range []struct {
		instance string
		log      client.Log
		want     []string
	}{
		{"web-0", client.Log{Node: "n2", Follow: true}, []string{"app here"}}, // where it is
		{"web-7", client.Log{Node: "n2"}, []string{"app gone", "old gone"}},
		{"web-7", client.Log{Node: "n2", Container: "old"}, []string{"old gone"}},
	} {
		lines, err := read(at.instance, at.log)
		if slices.Sort(lines); err != nil || !slices.Equal(lines, at.want) {
			t.Errorf("%s %+v: %q, %v", at.instance, at.log, lines, err)
		}
	}
	for _, at := range []struct {
		instance string
		log      client.Log
		says     string
	}{
		{"web-0", client.Log{Node: "n3"}, `there is no node "n3"`},
		{"web-7", client.Log{Node: "n2", Container: "db"}, "nothing is kept on n2 of what db of web-7 wrote there"},
		{"web-7", client.Log{Node: "n2", Previous: true}, "web-7 is not on n2; of what has gone only the last attempt is kept"},
		{"web-8", client.Log{Node: "n2"}, "nothing is kept on n2 of what web-8 wrote there"},
		{"web", client.Log{Node: "n2"}, `there is no instance "web", but a job of that name with web-0`},
		{"db-0", client.Log{Node: "n2"}, `there is no instance "db-0"`},
		{"web-..", client.Log{Node: "n2"}, `there is no instance "web-.."`},
		{"web-../" + s.UID("web") + "/0", client.Log{Node: "n2"}, `there is no instance "web-..`},
	} {
		_, err := read(at.instance, at.log)
		refused(t, err, v1.NotFound, at.says)
	}
}

// A command runs in a container on whichever node that is: input, output, exit code, terminal.
func TestExec(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "print here stay", "db": "stay"})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	guest := func(words string) []string { return append([]string{"/guest"}, strings.Fields(words)...) }
	var out, fault bytes.Buffer
	code, err := s.Asked.Exec(ctx, "web-0", client.Exec{Container: "app", Command: guest("print out warn fault exit 4"), Stdout: &out, Stderr: &fault})
	if err != nil || code != 4 || out.String() != "out\n" || fault.String() != "fault\n" {
		t.Errorf("%d, %v; it said %q and %q", code, err, out.String(), fault.String())
	}
	sent := strings.Repeat("0123456789abcde\n", 1<<16)
	out.Reset()
	code, err = s.Asked.Exec(ctx, "web-0", client.Exec{Container: "db", Command: guest("cat"), Stdin: strings.NewReader(sent), Stdout: &out})
	if err != nil || code != 0 || out.String() != sent {
		t.Errorf("%d, %v; of %d bytes %d came back", code, err, len(sent), out.Len())
	}
	out.Reset()
	sizes := make(chan v1.TerminalSize, 1)
	sizes <- v1.TerminalSize{Rows: 40, Columns: 100}
	code, err = s.Asked.Exec(ctx, "web-0", client.Exec{Container: "app", Command: guest("print out exit 5"), Terminal: true, Sizes: sizes, Stdin: strings.NewReader(""), Stdout: &out})
	if err != nil || code != 5 || out.String() != "out\r\n" {
		t.Errorf("with a terminal: %d, %v; it said %q", code, err, out.String())
	}
	_, err = s.Asked.Exec(ctx, "web-0", client.Exec{Command: guest("exit 0")})
	refused(t, err, v1.Invalid, "web-0 has the containers app, db: say in which one")
	_, err = s.Asked.Exec(ctx, "web-7", client.Exec{Command: guest("exit 0")})
	refused(t, err, v1.NotFound)
	if err := s.Machine.Client.Stop(ctx, "web-0-db", time.Second); err != nil {
		t.Fatal(err)
	}
	_, err = s.Asked.Exec(ctx, "web-0", client.Exec{Container: "db", Command: guest("exit 0")})
	refused(t, err, v1.NotRunning)

	// Whoever hangs up ends the command.
	within, hangUp := context.WithCancel(ctx)
	_, err = s.Asked.Exec(within, "web-0", client.Exec{Container: "app", Command: guest("print begun stay"), Stdout: writer(func([]byte) { hangUp() })})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("hung up: %v", err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// What an instance takes is measured where it is.
func TestUsage(t *testing.T) {
	s := apitest.NewStage(t, map[string]string{"app": "stay", "db": "eat 20000000 stay"})
	deadline := time.Now().Add(3 * time.Minute)
	for {
		u, err := s.Asked.Usage(t.Context(), "n2")
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Instances) == 1 && u.Instances[0].Instance == "web-0" && u.Instances[0].Limit.Memory == 128<<20 && u.Instances[0].Memory > 20_000_000 && u.Instances[0].CPUSeconds > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", u)
		}
	}
	_, err := s.Asked.Usage(t.Context(), "n7")
	refused(t, err, v1.NotFound)
}

// A node that does not answer is named.
func TestUnreachable(t *testing.T) {
	cluster := apitest.New(t)
	o := cluster.Options()
	o.Port = 1
	_, c := cluster.Serve(o)
	cluster.Node("n2", "127.0.0.3", 4e9)
	apply(t, c, "name: web\ncontainers: {app: {image: x}}", client.Room{})
	cluster.Settle()
	for _, err := range c.Logs(t.Context(), "web-0", client.Log{}) {
		refused(t, err, v1.NodeUnreachable, "node n2 does not answer")
	}
	_, err := c.Exec(t.Context(), "web-0", client.Exec{Command: []string{"x"}})
	refused(t, err, v1.NodeUnreachable)
}
