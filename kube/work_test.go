package kube_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller"
)

// story is a namespace in which the real controllers run, and workers are processes of `teamtask work --kube`.
type story struct {
	*testing.T
	ctrl.WithWatch
	namespace, dir string
}

func tell(t *testing.T, manifest string) *story {
	t.Helper()
	s := &story{t, admin(t), namespace(t), t.TempDir()}
	file := s.file("manifest.yaml")
	if err := os.WriteFile(file, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := configOf(apiServer.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() {
		ended <- controller.Run(ctx, config, controller.Options{Watch: []string{s.namespace}, MetricsAddr: "0", HealthAddr: "0", Log: logr.Discard()})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if _, err := apiServer.Kubectl(t.Context(), "create", "-n", s.namespace, "-f", file); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *story) file(name string) string { return filepath.Join(s.dir, name) }

// work is a worker that has not been started yet. What it says is in its Stderr.
func (s *story) work(args ...string) *exec.Cmd {
	s.Helper()
	me, err := os.Executable()
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.Command(me, append([]string{"work", "--kube", "--kubeconfig", workers, "-n", s.namespace}, args...)...)
	cmd.Env = append(os.Environ(), "TEAMTASK_TEST_COMMAND=1")
	cmd.Dir = s.dir
	cmd.Stdout, cmd.Stderr = &bytes.Buffer{}, &bytes.Buffer{}
	return cmd
}

// run runs a worker to its end.
func (s *story) run(args ...string) *exec.Cmd {
	s.Helper()
	cmd := s.work(args...)
	if err := cmd.Run(); err != nil {
		s.Fatalf("%v: %v", err, cmd.Stderr)
	}
	return cmd
}

// status is how the list stands.
func (s *story) status() v1alpha1.WorklistStatus {
	s.Helper()
	var wl v1alpha1.Worklist
	if err := s.Get(s.Context(), ctrl.ObjectKey{Namespace: s.namespace, Name: "list"}, &wl); err != nil {
		s.Fatal(err)
	}
	return wl.Status
}

// none waits until there are no Blocks any more.
func (s *story) none() {
	s.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for range look.C {
		var list v1alpha1.BlockList
		if err := s.List(s.Context(), &list, ctrl.InNamespace(s.namespace)); err != nil {
			s.Fatal(err)
		}
		if len(list.Items) == 0 {
			return
		}
	}
}

// lines are the lines of a file, sorted.
func (s *story) lines(name string) []string {
	b, err := os.ReadFile(s.file(name))
	if err != nil {
		s.Fatal(err)
	}
	out := strings.Fields(string(b))
	slices.Sort(out)
	return out
}

func list(spec string) string {
	return "apiVersion: teamtask.dev/v1alpha1\nkind: Worklist\nmetadata: {name: list}\nspec: " + spec + "\n"
}

// numbers are the integers 0 to n-1, sorted as text.
func numbers(n int) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprint(i))
	}
	slices.Sort(out)
	return out
}

// Two workers share a list: every item is done, and done once.
func TestWork(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 1000, block: {size: 100}}"))
	other := s.work("list", "-j2", "--", "sh", "-c", "seq {start} {end} >>done")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	one := s.run("list", "-j1", "--", "sh", "-c", "seq {start} {end} >>done")
	if err := other.Wait(); err != nil {
		t.Fatalf("%v: %v", err, other.Stderr)
	}
	if got := s.lines("done"); !slices.Equal(got, numbers(1000)) {
		t.Errorf("%d items: %v", len(got), got)
	}
	if st := s.status(); st.Phase() != v1alpha1.PhaseComplete || st.Done != 1000 {
		t.Errorf("%+v", st)
	}
	if !strings.Contains(fmt.Sprint(one.Stderr), "list: Complete, 1,000 done, 0 failed") {
		t.Errorf("it says %v", one.Stderr)
	}
	s.none()
}

// The items are the lines of a ConfigMap, and go to standard input.
func TestWorkPipe(t *testing.T) {
	t.Parallel()
	s := tell(t, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fruit}\ndata: {it: \"apple\\nbanana\\ncherry\\n\"}\n---\n"+
		list("{items: {lines: {configMap: {name: fruit}}}, block: {size: 2}}"))
	s.run("list", "--pipe", "--", "sh", "-c", "cat >>done")
	if got := s.lines("done"); !slices.Equal(got, []string{"apple", "banana", "cherry"}) {
		t.Errorf("%v", got)
	}
}

// A command that fails is tried again in smaller blocks, in the worker; what is given up is in the list's status.
func TestWorkFailure(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 20, block: {size: 10, maxAttempts: 2, backoff: {initial: 10ms}}}"))
	s.run("list", "-j1", "--", "sh", "-c", "if seq {start} {end} | grep -qx 13; then echo {start} >>tried; exit 1; fi")
	st := s.status()
	if n := len(s.lines("tried")); len(st.FailedRanges) == 1 && int(st.FailedRanges[0].Attempts) != n {
		t.Errorf("it was tried %d times: %+v", n, st.FailedRanges)
	}
	if st.Done != 19 || st.Failed != 1 || len(st.FailedRanges) != 1 || st.FailedRanges[0].Index != 13 || st.FailedRanges[0].Reason != "exit status 1" {
		t.Errorf("%+v", st)
	}
}

// A value that was found ends the list.
func TestWorkFind(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{items: {range: {start: 1, end: 1000000}}, stopAtFirstSuccess: true}"))
	s.run("list", "--find", "--", "sh", "-c", "seq {start} {end} | grep -x 7; true")
	if st := s.status(); st.Phase() != v1alpha1.PhaseComplete || len(st.Found) == 0 {
		t.Errorf("%+v", st)
	}
}

// lastLine says how the list stands in the end, and what the worker did.
var lastLine = regexp.MustCompile(`(?m)^list: Active, (\d+) done, 0 failed; this worker did (\d+) items$`)

// A worker that is told to end finishes its command and gives the rest back, at once for others to take.
func TestWorkDrain(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 100, block: {size: 50}}"))
	first := s.work("list", "-j1", "--", "sh", "-c", "echo {} >>done; test {} != 3 || { echo >third; cat go >/dev/null; }")
	if err := syscall.Mkfifo(s.file("go"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	s.reads("third", "")
	first.Process.Signal(syscall.SIGTERM)
	release, err := os.OpenFile(s.file("go"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	release.Close()
	if first.Wait(); first.ProcessState.ExitCode() != 143 { // not 0: the list is not over, and a Job is to replace the pod
		t.Fatalf("%v: %v", first.ProcessState, first.Stderr)
	}
	said := fmt.Sprint(first.Stderr)
	if m := lastLine.FindStringSubmatch(said); m == nil || m[1] != m[2] || strings.Contains(said, "once more") { // there is no terminal
		t.Errorf("it says %s", said)
	}
	s.run("list", "-j1", "--", "sh", "-c", "echo {} >>done")
	if got := s.lines("done"); !slices.Equal(got, numbers(100)) {
		t.Errorf("%d items: %v", len(got), got)
	}
	s.none()
}

// A worker that is told to end before it has begun does not begin: in a pod nothing else would end it but the end of its grace
// period. It is held where it reads its kubeconfig.
func TestWorkDrainedBefore(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 10}"))
	config, err := os.ReadFile(workers)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(s.file("config"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := s.work("list", "--kubeconfig", s.file("config"), "--", "sh", "-c", "echo {} >>done")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(s.file("config"), os.O_WRONLY, 0) // waits until it is read
	if err != nil {
		t.Fatal(err)
	}
	cmd.Process.Signal(syscall.SIGTERM)
	pipe.Write(config)
	pipe.Close()
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 143 {
		t.Errorf("%v: %v", cmd.ProcessState, cmd.Stderr)
	}
	if st := s.status(); st.Done > 0 || st.Next > 0 {
		t.Errorf("it has begun: %+v", st)
	}
}

// Errors say what to do.
func TestWorkErrors(t *testing.T) {
	t.Parallel()
	s := tell(t, list("{size: 1, command: [\"true\"]}"))
	for want, cmd := range map[string]*exec.Cmd{
		"there is no worklist nought in the namespace " + s.namespace: s.work("nought", "--", "true"),
		"bound to the command":                s.work("list", "--", "false"),
		"no Kubernetes cluster is known here": s.work("list", "--kubeconfig=", "--", "true"),
		"--all has no meaning with --kube":    s.work("--all", "--", "true"),
	} {
		cmd.Env = append(cmd.Env, "HOME="+s.dir, "KUBECONFIG=")
		if err := cmd.Run(); err == nil || !strings.Contains(fmt.Sprint(cmd.Stderr), want) {
			t.Errorf("%v: %v\nwant: %s", err, cmd.Stderr, want)
		}
	}
}
