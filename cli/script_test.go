package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"teamtask.dev/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"teamtask": func() { os.Exit(cli.Main(os.Args[1:])) }})
}

// The stories in testdata/script are told with the real command. Each has a home of its own; `serve` starts a server for
// it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, ".data"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"serve": serve},
	})
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
	deadline := time.After(20 * time.Second)
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
