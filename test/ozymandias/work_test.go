package ozymandias

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	lists "teamtask.dev/client"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/netnstest"
)

// A workSite is one node that runs the jobs of examples/ozymandias.
type workSite struct {
	*testing.T
	ctx     context.Context
	dir     string // short: there are sockets in it
	name    string
	machine *netnstest.Machine
	api     *client.Client
	lists   *lists.Client
}

// examples is where the job files are.
const examples = "../../examples/ozymandias/"

const workToken = "the-lists-token"

func newWorkSite(t *testing.T) *workSite {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 3*patience)
	t.Cleanup(stop)
	dir, err := os.MkdirTemp("/tmp", "ozw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	machine := netnstest.New(t, 1).Machines[0]
	t.Cleanup(func() { quiet(t, dir) })
	w := &workSite{T: t, ctx: ctx, dir: dir, name: machine.Namespace, machine: machine, api: client.Local(dir + "/run"),
		lists: lists.New("http://"+machine.Address.String()+":7070", workToken)}
	t.Cleanup(w.api.Close)
	t.Cleanup(w.lists.Close)
	w.start()
	return w
}

// start starts the node.
func (w *workSite) start() {
	w.Helper()
	log, err := os.Create(filepath.Join(w.ArtifactDir(), "node.log"))
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close()
	node := w.machine.Command(bin+"/ozymandias", "node", "--name", w.name, "--address", w.machine.Address.String(),
		"--data-dir", w.dir+"/data", "--run-dir", w.dir+"/run", "--memory", "2G", "--disk", "2G")
	node.Stdout, node.Stderr = log, log
	node.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if err := node.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = node.Process.Signal(syscall.SIGINT) // it may have ended by itself
		// If it does not end it says in its log where it stands.
		stuck := time.AfterFunc(patience, func() { _ = node.Process.Signal(syscall.SIGQUIT) })
		if err := node.Wait(); err != nil {
			w.Errorf("the node ends: %v", err)
		}
		stuck.Stop()
		if out, err := reset(w.machine, w.name, w.dir+"/data", w.dir+"/run"); err != nil {
			w.Errorf("reset: %v: %s", err, out)
		}
		if text, err := os.ReadFile(log.Name()); w.Failed() && err == nil {
			w.Logf("the node's log ends:\n%s", text[max(0, len(text)-16<<10):])
		}
	})
	w.until("the node is ready", func() error {
		n, err := w.api.Node(w.ctx, w.name)
		if err == nil && n.Phase != v1.Ready {
			err = fmt.Errorf("it is %s: %s", n.Phase, n.Message)
		}
		return err
	})
}

// loadExamples builds the examples' image, in a store for this alone, and gives it to the node.
func (w *workSite) loadExamples() {
	w.Helper()
	store := w.dir + "/p"
	build := exec.CommandContext(w.ctx, examples+"build.sh", bin)
	build.Env = append(os.Environ(), "BUILDAH_ISOLATION=chroot",
		fmt.Sprintf("PODMAN=podman --root %s/root --runroot %[1]s/run --tmpdir %[1]s/tmp --storage-driver vfs --runtime runc", store))
	build.Stderr = w.Output()
	image, err := build.Output()
	if err != nil {
		w.Fatalf("build the image: %v", err)
	}
	w.oz("image", "load", w.file("examples.tar", image))
}

// file writes a file of the site's own.
func (w *workSite) file(name string, content []byte) (path string) {
	w.Helper()
	path = filepath.Join(w.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		w.Fatal(err)
	}
	return path
}

// until tries again until it succeeds.
func (w *workSite) until(what string, try func() error) {
	w.Helper()
	end := time.Now().Add(patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			w.Fatalf("waiting until %s: %v", what, err)
		}
		again := time.NewTimer(200 * time.Millisecond)
		select {
		case <-again.C:
		case <-w.ctx.Done():
			w.Fatalf("waiting until %s: %v", what, err)
		}
	}
}

// try is what a command prints.
func (w *workSite) try(args ...string) (string, error) {
	out, err := exec.CommandContext(w.ctx, bin+"/ozymandias", append([]string{"--run-dir", w.dir + "/run"}, args...)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ozymandias %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// oz is what a command prints that is right. It is told again if it fails: etcd may have had no time for it, or the answer may have come too late.
func (w *workSite) oz(args ...string) (out string) {
	w.Helper()
	told := false
	w.until("it is done", func() (err error) {
		out, err = w.try(args...)
		if told && args[0] == "delete" && err != nil && strings.Contains(err.Error(), "there is no ") {
			return nil
		}
		told = true
		return err
	})
	return out
}

// says waits until describe and explain say something of a job.
func (w *workSite) says(job, what string) {
	w.Helper()
	for _, command := range []string{"describe", "explain"} {
		w.until(command+" says "+what, func() error {
			out, err := w.try(command, job)
			if err == nil && !strings.Contains(out, what) {
				err = errors.New(out)
			}
			return err
		})
	}
}

// stands waits until a job has so many healthy instances and stands so.
func (w *workSite) stands(job string, phase v1.JobPhase, n int) {
	w.Helper()
	w.until(fmt.Sprintf("%s is %s with %d instances", job, phase, n), func() error {
		j, err := w.api.Job(w.ctx, job)
		if err != nil {
			return err
		}
		// A worker may end by itself, as its list is complete, before it is stopped; its end is remembered.
		there := slices.DeleteFunc(slices.Clone(j.Instances), func(i v1.Instance) bool { return i.Phase == v1.InstanceComplete })
		if j.Status.Phase != phase || j.Status.Wanted != n || j.Status.Healthy != n || len(there) != n {
			err = fmt.Errorf("it is %+v, with the instances %+v", j.Status, there)
		}
		return err
	})
}

// workProcess is one of an instance's, as the kernel shows it.
type workProcess struct {
	pid  int
	ID   string // the instance's
	args []string
	env  []string
}

// programs are those with that name of a job's instances.
func (w *workSite) programs(job, name string) (all []workProcess) {
	w.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		w.Fatal(err)
	}
	for _, file := range found {
		environment, err1 := os.ReadFile(file)
		line, err2 := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		variables := strings.Split(string(environment), "\x00")
		args := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if err1 != nil || err2 != nil || filepath.Base(args[0]) != name || !slices.Contains(variables, "OZYMANDIAS_NODE="+w.name) ||
			!slices.Contains(variables, "OZYMANDIAS_JOB="+job) {
			continue
		}
		p := workProcess{args: args, env: variables}
		p.pid, _ = strconv.Atoi(filepath.Base(filepath.Dir(file)))
		for _, v := range variables {
			if id, ok := strings.CutPrefix(v, "OZYMANDIAS_INSTANCE="); ok {
				p.ID = id
			}
		}
		all = append(all, p)
	}
	return all
}

// The jobs of examples/ozymandias work on a real node: a List server; the workers of a worklist, as many as there is work for; the pool of a
// swarm; and a job with a sidecar. What stands in their way is said where one looks.
func TestWork(t *testing.T) {
	t.Parallel()
	w := newWorkSite(t)
	w.loadExamples()
	w.oz("secret", "set", "lists-token", "--from-file", w.file("token", []byte(workToken)))
	w.oz("apply", "-f", examples+"primes.yaml")
	w.says("primes", "no healthy instance of lists")
	w.oz("apply", "-f", examples+"lists.yaml")
	w.stands("lists", v1.Running, 1)
	w.says("primes", "the List server at http://lists.ozymandias.internal:7070 has no worklist primes")
	w.worklist()
	w.swarm()
	w.sidecar()
}

// worklist has the job primes count to its end.
func (w *workSite) worklist() {
	w.Helper()
	const blocks, size = 6, 500_000
	primes := &v1alpha1.Worklist{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.WorklistKind}, ObjectMeta: metav1.ObjectMeta{Name: "primes"}}
	primes.Spec = v1alpha1.WorklistSpec{Size: blocks * size, Suspend: true,
		Block: v1alpha1.BlockPolicy{Size: size, Timeout: &metav1.Duration{Duration: 3 * patience}}}
	if _, err := w.lists.Create(w.ctx, primes); err != nil {
		w.Fatal(err)
	}
	w.says("primes", "worklist primes is Suspended")
	w.stands("primes", v1.Waiting, 0)
	// One block is the test's own: as long as it is out, the list does not end. The test waits for it from before there is any, so that the
	// instances do not take them all.
	var mine *v1alpha1.ClaimResponse
	claimed := make(chan error, 1)
	go func() {
		var err error
		mine, err = w.lists.Claim(w.ctx, "primes", &v1alpha1.ClaimRequest{Worker: "test", Wait: &metav1.Duration{Duration: time.Minute}})
		claimed <- err
	}()
	if _, err := w.lists.Patch(w.ctx, "primes", map[string]any{"spec": map[string]any{"suspend": false}}); err != nil {
		w.Fatal(err)
	}
	if err := <-claimed; err != nil || len(mine.Leases) != 1 {
		w.Fatal(mine, err)
	}
	w.until("the instances have done all but that", func() error {
		list, err := w.lists.Get(w.ctx, "primes")
		if err == nil && list.Status.Done != (blocks-1)*size {
			err = fmt.Errorf("%d of %d are done", list.Status.Done, list.Spec.Size)
		}
		return err
	})
	w.stands("primes", v1.Running, 1) // for the block that is out
	if _, err := w.lists.Complete(w.ctx, "primes", "test", v1alpha1.Report{Token: mine.Leases[0].Token}); err != nil {
		w.Fatal(err)
	}
	w.stands("primes", v1.Complete, 0)
	if left := w.programs("primes", "teamtask"); len(left) > 0 {
		w.Errorf("primes is complete, and there are %v", left)
	}
	w.says("primes", "worklist primes is complete")
	list, err := w.lists.Get(w.ctx, "primes")
	if err != nil {
		w.Fatal(err)
	}
	if s := list.Status; s.Phase() != v1alpha1.PhaseComplete || s.Done != blocks*size || s.Failed != 0 || len(s.DoneRanges) != 1 {
		w.Errorf("the list ended as %+v", s)
	}
	j, err := w.api.Job(w.ctx, "primes")
	if err != nil {
		w.Fatal(err)
	}
	came := map[string]bool{}
	for _, e := range j.Events {
		if instance, _, ok := strings.Cut(e.Text, " goes to "); ok {
			came[instance] = true
		}
	}
	var want []string
	for i := range blocks {
		want = append(want, fmt.Sprintf("primes-%d", i))
	}
	if got := slices.Sorted(maps.Keys(came)); !slices.Equal(got, want) {
		w.Errorf("there were the instances %q, not %q", got, want)
	}
	w.oz("delete", "job", "primes")
}

// swarm has the job streams be the pool of a swarm, in several sizes.
func (w *workSite) swarm() {
	w.Helper()
	apply := exec.CommandContext(w.ctx, bin+"/teamtask", "--server", w.lists.URL, "--token", workToken, "apply", "-f", "../../examples/streams/streams.yaml")
	if out, err := apply.CombinedOutput(); err != nil {
		w.Fatalf("teamtask apply: %v: %s", err, out)
	}
	w.oz("apply", "-f", examples+"streams.yaml")
	w.shared(3)
	for _, p := range w.programs("streams", "teamtask") {
		for _, variable := range []string{"TEAMTASK_SWARM=streams", "TEAMTASK_WORKER=streams-" + p.ID} {
			if !slices.Contains(p.env, variable) {
				w.Errorf("%s is not told %s", p.ID, variable)
			}
		}
	}
	for _, n := range []int{4, 2} {
		w.oz("scale", "streams", strconv.Itoa(n))
		w.shared(n)
	}
	before := w.programs("streams", "teamtask")
	victim := slices.IndexFunc(before, func(p workProcess) bool { return p.ID == "1" })
	if victim < 0 {
		w.Fatalf("there is no process of streams-1: %v", before)
	}
	if err := syscall.Kill(before[victim].pid, syscall.SIGKILL); err != nil {
		w.Fatal(err)
	}
	w.until("streams-1 is started again", func() error {
		now := w.programs("streams", "teamtask")
		if !slices.ContainsFunc(now, func(p workProcess) bool { return p.ID == "1" && p.pid != before[victim].pid }) {
			return fmt.Errorf("there are %v", now)
		}
		return nil
	})
	w.shared(2)
	w.log()
	w.oz("delete", "job", "streams")
}

// shared waits until n instances are the swarm's workers and each stream has one process, in shares that differ by one at most.
func (w *workSite) shared(n int) {
	w.Helper()
	w.stands("streams", v1.Running, n)
	w.until(fmt.Sprintf("%d workers share the streams", n), func() error {
		swarm, err := w.lists.GetSwarm(w.ctx, "streams")
		if err != nil {
			return err
		}
		if want := fmt.Sprintf("%d/%d", n, n); swarm.Status.Current != want || swarm.Status.Moving+swarm.Status.Waiting > 0 {
			return fmt.Errorf("the swarm is %+v", swarm.Status)
		}
		var workers, want []string
		for a, err := range w.lists.Assignments(w.ctx, "streams") {
			if err != nil {
				return err
			}
			workers = append(workers, a.Spec.Worker)
		}
		for i := range n {
			want = append(want, fmt.Sprintf("streams-%d", i))
		}
		if slices.Sort(workers); !slices.Equal(workers, want) {
			return fmt.Errorf("the workers are %q", workers)
		}
		shares, streams := map[string]int{}, map[string]bool{}
		for _, p := range w.programs("streams", "stream") {
			shares[p.ID]++
			streams[p.args[len(p.args)-2]] = true
		}
		least, most, sum := 1<<30, 0, 0
		for _, share := range shares {
			least, most, sum = min(least, share), max(most, share), sum+share
		}
		if len(shares) != n || most-least > 1 || sum != 26 || len(streams) != 26 {
			return fmt.Errorf("the shares are %v, of %d streams", shares, len(streams))
		}
		return nil
	})
}

// log reads what the streams wrote of themselves: whoever finds another there is refused.
func (w *workSite) log() {
	w.Helper()
	found, err := filepath.Glob(w.dir + "/data/volumes/*/mount/data/log")
	if err != nil || len(found) != 1 {
		w.Fatalf("the streams' log: %q, %v", found, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		w.Fatal(err)
	}
	began := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // time, worker, what, stream, epoch
		switch {
		case len(fields) != 5 || !strings.HasPrefix(fields[1], "streams-") || fields[2] == "refused":
			w.Errorf("the streams say: %s", line)
		case fields[2] == "began":
			began++
		}
	}
	if began < 26 {
		w.Errorf("streams were begun %d times", began)
	}
}

// sidecar has a job with Envoy stored. Envoy's image is nowhere to be had here: what is made for it, and that this is what would run, can be seen.
func (w *workSite) sidecar() {
	w.Helper()
	w.oz("apply", "-f", examples+"envoy.yaml")
	j, err := w.api.Job(w.ctx, "onlooker")
	if err != nil {
		w.Fatal(err)
	}
	envoy, there := j.Spec.Containers["envoy"]
	if !there || len(j.Spec.Sidecars) > 0 || !strings.Contains(strings.Join(envoy.Command, " "), `"lists:7070"`) {
		w.Errorf("the job is %+v", j.Spec)
	}
	if out := w.oz("describe", "onlooker"); !strings.Contains(out, "envoy (sidecar)") {
		w.Errorf("describe says nothing of a sidecar:\n%s", out)
	}
	w.oz("delete", "job", "onlooker")
}
