package test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fenced finds the code in a page: its language and its text.
var fenced = regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")

// pages are those whose examples are run.
var pages = []string{"README.md", "docs/worklists.md", "docs/swarms.md", "docs/http.md", "docs/kubernetes.md"}

// Programs and files that the pages speak of as the reader's own.
var readers = map[string]string{
	"check-primes": "#!/bin/sh\nif [ $# = 0 ]; then cat >/dev/null; fi\n",
	"ping":         "#!/bin/sh\necho \"64 bytes from $2\"\n",
	"convert":      "#!/bin/sh\ncp \"$1\" \"$4\"\n",
	"hosts.txt":    "alpha\nbeta\ngamma\n",
	"a.png":        "a",
	"b.png":        "b",
}

// The examples of the pages work as they stand there. A page's shell examples are run one after the other in one shell, in
// a network of their own; of a command that serves the next ones wait until it is there. HOST is this machine, TOKEN is
// what the page says.
func TestDocs(t *testing.T) {
	t.Parallel()
	for _, page := range pages {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join("..", page))
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			script := "set -eu\nip link set lo up\n"
			for i, m := range fenced.FindAllStringSubmatch(string(text), -1) {
				switch language, code := m[1], m[2]; language {
				case "sh":
					script += "\n" + scripted(code)
				case "yaml":
					if page == "docs/kubernetes.md" && !strings.HasPrefix(code, "apiVersion: teamtask.dev/") {
						continue // test/e2e applies it to a cluster
					}
					name := fmt.Sprintf("example-%d.yaml", i)
					if err := os.WriteFile(filepath.Join(dir, name), []byte(code), 0o600); err != nil {
						t.Fatal(err)
					}
					script += "\nteamtask apply --dry-run -f " + name + "\n"
				case "go":
					inExample(t, code)
				case "":
				default:
					t.Errorf("a block in %s: nothing is known of how to try it", language)
				}
			}
			runScript(t, dir, script)
		})
	}
}

// scripted is shell code that can be run unattended.
func scripted(code string) string {
	const token, tierToken = `"$(cat "$XDG_DATA_HOME/teamtask/server/token")"`, `"$(cat "$XDG_DATA_HOME/teamtask/tiers/squares/token")"`
	code = strings.NewReplacer("TEAMTASK_TOKEN=TOKEN", "TEAMTASK_TOKEN="+token, "TEAMTASK_UPSTREAM_TOKEN=TOKEN", "TEAMTASK_UPSTREAM_TOKEN="+token,
		"--token TOKEN", "--token "+tierToken,
		"HOST", "127.0.0.1", "1..1000000000", "1..1000", "1..10000000", "1..1000").Replace(code)
	var out strings.Builder
	for line := range strings.Lines(code) {
		if strings.HasPrefix(line, "teamtask serve") {
			port := regexp.MustCompile(`--listen :(\d+)`).FindStringSubmatch(line)[1]
			fmt.Fprintf(&out, "%s &\nuntil curl -sf http://127.0.0.1:%s/readyz; do sleep 0.05; done\n", strings.TrimSpace(line), port)
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

// inExample checks that Go code of a page is code that is compiled and run.
func inExample(t *testing.T, code string) {
	t.Helper()
	tried, err := os.ReadFile("../client/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(code) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "c := client.New(") {
			continue // the example has its own
		}
		if !bytes.Contains(tried, []byte(strings.ReplaceAll(line, "client.WorkOptions{Parallel: 4}", "client.WorkOptions{}"))) {
			t.Errorf("it is not in client/example_test.go: %s", line)
		}
	}
}

// Links between the pages lead somewhere.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#]+)`)
	found := 0
	err := filepath.WalkDir("..", func(page string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == ".git":
			return filepath.SkipDir
		case filepath.Ext(page) != ".md":
			return nil
		}
		text, err := os.ReadFile(page)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s: the link to %s leads nowhere", page, m[1])
			}
		}
		return nil
	})
	if err != nil || found < 3 {
		t.Errorf("%d links: %v", found, err)
	}
}

func runScript(t *testing.T, dir, script string) {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range readers {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(teamtask, filepath.Join(bin, "teamtask")); err != nil {
		t.Fatal(err)
	}
	var out syncBuffer
	cmd := exec.Command("bash", "-xc", script)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &out
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+dir, "XDG_DATA_HOME="+dir+"/data", "XDG_STATE_HOME="+dir+"/state")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // servers in the background hold the outputs
	ended, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ended.Close()
	cmd.ExtraFiles = []*os.File{held} // all that it starts has it open, too
	err = cmd.Start()
	held.Close()
	if err != nil {
		t.Fatalf("a shell in a network of its own (this needs root): %v", err)
	}
	defer func() { // nobody may still make files when the directory is removed
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		ended.SetReadDeadline(time.Now().Add(patience))
		if _, err := ended.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("what the page has started does not end: %v", err)
		}
	}()
	limit := time.AfterFunc(patience, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != 0 {
		t.Errorf("%v\n%s", err, &out)
	}
	t.Log(out.String())
}
