package cli_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/test/address"
)

// pool is a List server in a process of its own, with a swarm of one workload; and a wire to it that can be cut.
type pool struct {
	*testing.T
	dir    string
	server *exec.Cmd
	url    string
	*client.Client

	mu   sync.Mutex
	open map[net.Conn]bool
	cut  bool
}

func newPool(t *testing.T) *pool {
	t.Helper()
	p := &pool{T: t, dir: t.TempDir(), open: map[net.Conn]bool{}}
	p.serve(address.Free(t))
	token, err := os.ReadFile(filepath.Join(p.data(), "token"))
	if err != nil {
		t.Fatal(err)
	}
	p.Client = client.New(p.url, strings.TrimSpace(string(token)))
	t.Cleanup(p.Client.Close)
	swarm := &v1alpha1.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: "streams"},
		Spec: v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: []string{"cam"}},
			Handover: v1alpha1.HandoverPolicy{Lease: &metav1.Duration{Duration: 10 * time.Second}, Patience: &metav1.Duration{}}}}
	if _, err := p.CreateSwarm(t.Context(), swarm); err != nil {
		t.Fatal(err)
	}
	return p
}

// data is where the server keeps its data.
func (p *pool) data() string { return filepath.Join(p.dir, "data", "teamtask", "server") }

// serve starts the server.
func (p *pool) serve(address string) {
	p.Helper()
	p.server = p.start("serve", "--listen", address, "--data-dir", p.data())
	p.until("the server listens", func() bool {
		text, err := os.ReadFile(filepath.Join(p.data(), "url"))
		p.url = strings.TrimSpace(string(text))
		return err == nil && p.url != ""
	})
}

// start starts the command, and ends it with the test.
func (p *pool) start(args ...string) *exec.Cmd {
	p.Helper()
	cmd := exec.Command("teamtask", args...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "XDG_DATA_HOME="+filepath.Join(p.dir, "data"))
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = time.Second // what it has started may hold its standard error
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGCONT)
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
		if p.Failed() {
			p.Logf("%v:\n%s", args, &log)
		}
	})
	return cmd
}

// until waits for a condition, for minutes: the machine may be busy.
func (p *pool) until(what string, ok func() bool) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), 4*time.Minute)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for !ok() {
		select {
		case <-look.C:
		case <-ctx.Done():
			p.Fatalf("it does not happen that %s", what)
		}
	}
}

// consumer is a program that notes in the directory when it finds that another one runs, or that it is not told to stop: it says which
// workers have run it, in turn.
const consumer = `
mkdir running || echo "$TEAMTASK_WORKER is the second" >>wrong
trap 'rmdir running; exit' TERM
echo $TEAMTASK_WORKER >>ran
while :; do sleep 0.05; done`

// ran are the workers that have run the program, in turn, and whether it runs.
func (p *pool) ran() (workers string, runs bool) {
	text, _ := os.ReadFile(filepath.Join(p.dir, "ran"))
	_, err := os.Stat(filepath.Join(p.dir, "running"))
	return strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", " "), err == nil
}

func (p *pool) check() {
	p.Helper()
	if wrong, err := os.ReadFile(filepath.Join(p.dir, "wrong")); err == nil {
		p.Errorf("%s", wrong)
	}
}

// proxy is a way to the server that is cut by p.cutOff.
func (p *pool) proxy() (url string) {
	p.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.Fatal(err)
	}
	var done sync.WaitGroup
	p.Cleanup(func() {
		l.Close()
		p.cutOff()
		done.Wait()
	})
	done.Go(func() {
		for {
			here, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
			p.mu.Lock()
			if p.cut || err != nil {
				here.Close()
				if err == nil {
					there.Close()
				}
			} else {
				p.open[here], p.open[there] = true, true
				for from, to := range map[net.Conn]net.Conn{here: there, there: here} {
					done.Go(func() {
						io.Copy(to, from)
						to.Close()
					})
				}
			}
			p.mu.Unlock()
		}
	})
	return "http://" + l.Addr().String()
}

func (p *pool) cutOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.open {
		c.Close()
	}
}

// A worker that is cut off from its server has stopped its program before another worker may start it.
func TestCutOff(t *testing.T) {
	t.Parallel()
	for what, args := range map[string][]string{
		"join":  {"join", "streams", "--", "sh", "-c", consumer, "{workload}"},
		"agent": {"swarm", "agent", "streams", "--", "sh", "-c", consumer},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			p := newPool(t)
			p.start(with(args, "--worker", "one", "--server", p.proxy())...)
			p.until("the program runs", func() bool { who, runs := p.ran(); return who == "one" && runs })
			p.start(with(args, "--worker", "two")...)
			p.cutOff()
			p.until("another worker runs it", func() bool { who, runs := p.ran(); return who == "one two" && runs })
			p.check()
		})
	}
}

// with puts flags before what is to be run.
func with(args []string, flags ...string) []string {
	return slices.Insert(slices.Clone(args), slices.Index(args, "--"), flags...)
}

// A worker whose server has stopped answering stops its program, and starts it again when there is a server again.
func TestServerStands(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	p.start("swarm", "agent", "streams", "--worker", "one", "--", "sh", "-c", consumer)
	p.until("the program runs", func() bool { who, runs := p.ran(); return who == "one" && runs })
	p.server.Process.Signal(syscall.SIGSTOP)
	p.until("the program is stopped", func() bool { _, runs := p.ran(); return !runs })
	p.server.Process.Kill()
	p.server.Wait()
	p.serve(strings.TrimPrefix(p.url, "http://"))
	p.until("the program runs again", func() bool { who, runs := p.ran(); return who == "one one" && runs })
	p.check()
}

// What an agent runs dies with it, however it ends; and another worker has it when the lease has run out.
func TestAgentIsKilled(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	agent := p.start("join", "streams", "--worker", "one", "--", "sh", "-c", "echo $$ >pid.new; mv pid.new pid; exec sleep 1000")
	var pid string
	p.until("the program runs", func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "pid"))
		pid = strings.TrimSpace(string(text))
		return err == nil
	})
	agent.Process.Kill()
	p.until("the program is gone", func() bool {
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
		return err != nil || bytes.Contains(stat, []byte(") Z "))
	})
	p.start("join", "streams", "--worker", "two", "--", "sh", "-c", consumer, "{workload}")
	p.until("another worker runs it", func() bool { who, runs := p.ran(); return who == "two" && runs })
}

// A program beside the agent asks for its part over HTTP, and says when it runs it: nothing is granted before it has said that it runs
// nothing, nor acknowledged before it does.
func TestAgentOverHTTP(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	beside := address.Free(t)
	agent := p.start("swarm", "agent", "streams", "--worker", "one", "--http", beside)
	call := func(method, path, tag, body string) (int, string, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, "http://"+beside+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if tag != "" {
			req.Header.Set("If-None-Match", tag)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, "", ""
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, resp.Header.Get("ETag"), string(text)
	}
	wants := func(what string, status int, contains string) {
		t.Helper()
		if code, _, text := call("PUT", "/acknowledge", "", what); code != status || !strings.Contains(text, contains) {
			t.Errorf("PUT /acknowledge %s: %d %s", what, code, text)
		}
	}
	var code int
	var tag, text string
	p.until("the agent answers", func() bool { code, tag, text = call("GET", "/assignment?wait=1m", "", ""); return code == 200 })
	if code, _, _ := call("GET", "/healthz", "", ""); code != 503 {
		t.Errorf("it is %d before the program has said that it runs nothing", code)
	}
	if sw, err := p.GetSwarm(t.Context(), "streams"); err != nil || sw.Status.Workers != 0 {
		t.Errorf("%+v, %v", sw, err)
	}
	wants(`{}`, 400, "the body must be such as")
	wants(`{"version": 1}`, 409, "the part is version 0, not 1")
	wants(`{"version": 0}`, 204, "")
	for !strings.Contains(text, `"cam"`) {
		known := tag
		if code, tag, text = call("GET", "/assignment?wait=1m", known, ""); code != 200 && code != 304 {
			t.Fatalf("%d %s", code, text)
		}
		if code == 200 && !strings.Contains(text, `"cam"`) {
			wants(`{"version": `+versionIn(t, text)+`}`, 204, "")
		}
	}
	if code, _, _ := call("GET", "/healthz", "", ""); code != 200 {
		t.Errorf("it is %d in the pool", code)
	}
	if code, again, _ := call("GET", "/assignment", tag, ""); code != 304 || again != tag {
		t.Errorf("what is known is answered with %d, %s", code, again)
	}
	if code, _, text := call("GET", "/assignment?wait=soon", "", ""); code != 400 || !strings.Contains(text, "must be a duration") {
		t.Errorf("%d %s", code, text)
	}
	if a, err := p.Assignment(t.Context(), "streams", "one"); err != nil || a.Status.Version == a.Spec.Version {
		t.Errorf("it is acknowledged before the program has: %+v, %v", a, err)
	}
	wants(`{"version": `+versionIn(t, text)+`}`, 204, "")
	p.until("it is acknowledged", func() bool {
		a, err := p.Assignment(t.Context(), "streams", "one")
		return err == nil && a.Status.Version == a.Spec.Version
	})
	agent.Process.Signal(syscall.SIGINT)
	for code != 0 { // it has not ended: it waits for the program to have stopped everything
		if code, tag, text = call("GET", "/assignment?wait=1m", tag, ""); code == 200 && versionIn(t, text) == "0" {
			call("PUT", "/acknowledge", "", `{"version": 0}`)
		}
	}
	if err := agent.Wait(); err != nil {
		t.Errorf("the agent: %v", err)
	}
}

func versionIn(t *testing.T, part string) string {
	t.Helper()
	_, rest, ok := strings.Cut(part, `"version":`)
	if !ok {
		t.Fatalf("no version in %s", part)
	}
	return rest[:strings.IndexAny(rest, ",}")]
}
