package cli_test

import (
	"context"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli"
	"teamtask.dev/client"
	"teamtask.dev/member"
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // they wait more than they compute
	testscript.Main(m, map[string]func(){"teamtask": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

// The stories in testdata/script are told with the real command. Each has a home of its own; `serve` starts a server for
// it.
func TestScripts(t *testing.T) {
	t.Parallel()
	if signal.Ignored(syscall.SIGHUP) { // under nohup; programs of the stories are told by it, and a shell does not trap what was ignored when it began
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, ".data"))
			// The race detector has a program wait for a second before it ends, for what may still run; a command has ended what it
			// began. A server, which serve starts, waits.
			e.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"eventually": eventually, "member": joins, "serve": serve},
	})
}

// joins has a worker join a swarm, and acknowledge whatever it is told, until the script ends: member SWARM WORKER.
func joins(ts *testscript.TestScript, _ bool, args []string) {
	c := client.New(ts.Getenv("SERVED_URL"), ts.Getenv("SERVED_TOKEN"))
	ctx, leave := context.WithCancel(context.Background())
	ended, joined := make(chan error, 1), make(chan struct{}, 1)
	go func() {
		ended <- member.Run(ctx, c.Swarm(args[0]), member.Worker{Name: args[1]}, member.Options{Joined: func(time.Duration) { joined <- struct{}{} }},
			func(context.Context, v1alpha1.AssignmentSpec) error { return nil })
	}()
	select {
	case <-joined:
	case err := <-ended:
		leave()
		ts.Fatalf("worker %s does not join: %v", args[1], err)
	}
	ts.Defer(func() {
		leave()
		<-ended
		c.Close()
	})
}

// eventually repeats a command until what it prints matches a regular expression: eventually REGEXP COMMAND...
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	want, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	late := time.After(4 * time.Minute)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout") + ts.ReadFile("stderr")
		if want.MatchString(out) {
			return
		}
		select {
		case <-late:
			ts.Fatalf("%q never prints %s, but (%v)\n%s", args[1:], args[0], err, out)
		case <-again.C:
		}
	}
}

// serve starts a List server for the script, with the arguments given, and ends it with the script. Where it is, and its
// token, are then in $SERVED_URL and $SERVED_TOKEN.
func serve(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(".data/teamtask/server")
	os.Remove(filepath.Join(dir, "url"))
	path, err := exec.LookPath("teamtask")
	ts.Check(err)
	cmd := exec.Command(path, append([]string{"serve", "--listen", "127.0.0.1:0", "--data-dir", dir}, args...)...)
	log, err := os.Create(ts.MkAbs(".server.log"))
	ts.Check(err)
	cmd.Stderr = log
	ts.Check(cmd.Start())
	ts.Defer(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		log.Close()
	})
	deadline := time.After(4 * time.Minute)
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		if b, err := os.ReadFile(filepath.Join(dir, "url")); err == nil && len(b) > 0 {
			token, err := os.ReadFile(filepath.Join(dir, "token"))
			ts.Check(err)
			ts.Setenv("SERVED_URL", strings.TrimSpace(string(b)))
			ts.Setenv("SERVED_TOKEN", strings.TrimSpace(string(token)))
			return
		}
		select {
		case <-look.C:
		case <-deadline:
			ts.Fatalf("the server does not start")
		}
	}
}
