package test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/member"
)

// The environment of a worker in a process of its own, which this test binary is, too.
const (
	poolEnv   = "TEAMTASK_TEST_POOL" // where the files are
	swarmEnv  = "TEAMTASK_TEST_SWARM"
	workerEnv = "TEAMTASK_TEST_WORKER"
)

// claims are the workloads that a worker believes it owns. Each is a locked file, so that the kernel says, at every instant and
// however a process ended, whether there is another owner. In the file stands the greatest epoch under which the workload was owned.
type claims struct {
	dir, worker string
	files       map[string]*os.File
}

// own owns what a part has, and nothing else.
func (c *claims) own(part []v1alpha1.Grant) error {
	for name, f := range c.files {
		if !slices.ContainsFunc(part, func(g v1alpha1.Grant) bool { return g.Name == name }) {
			f.Close()
			delete(c.files, name)
		}
	}
	for _, g := range part {
		f := c.files[g.Name]
		if f == nil {
			var err error
			if f, err = os.OpenFile(filepath.Join(c.dir, "workloads", g.Name), os.O_RDWR|os.O_CREATE, 0o600); err != nil {
				return err
			}
			if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
				c.breach("%s has %s, which another has: %v", c.worker, g.Name, err)
			}
			c.files[g.Name] = f
		}
		text := make([]byte, 32)
		n, _ := f.ReadAt(text, 0)
		if before, _ := strconv.ParseInt(strings.TrimSpace(string(text[:n])), 10, 64); before > g.Epoch {
			c.breach("%s has %s under epoch %d, after %d", c.worker, g.Name, g.Epoch, before)
		}
		if _, err := f.WriteAt(fmt.Appendf(nil, "%031d\n", g.Epoch), 0); err != nil {
			return err
		}
	}
	return nil
}

// breach writes down what must not be.
func (c *claims) breach(format string, args ...any) {
	f, err := os.OpenFile(filepath.Join(c.dir, "breaches"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(f, format+"\n", args...)
		f.Close()
	}
	if err != nil {
		panic(err)
	}
}

// beMember is a worker's whole life.
func beMember() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	c := client.New(os.Getenv("TEAMTASK_SERVER"), os.Getenv("TEAMTASK_TOKEN"))
	own := &claims{dir: os.Getenv(poolEnv), worker: os.Getenv(workerEnv), files: map[string]*os.File{}}
	err := member.Run(ctx, c.Swarm(os.Getenv(swarmEnv)), member.Worker{Name: own.worker}, member.Options{},
		func(_ context.Context, part v1alpha1.AssignmentSpec) error { return own.own(part.Workloads) })
	if !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// pool are workers of one swarm.
type pool struct {
	t         *testing.T
	dir       string
	workloads []string
	members   map[string]*process
}

// newPool makes a swarm with as many workloads, whose workers are held to be gone after 6 seconds, and waited for as long again: longer
// than a busy machine keeps a process from running, as one that does not run cannot stop what it has.
func newPool(t *testing.T, s *site, workloads int) *pool {
	t.Helper()
	p := &pool{t: t, dir: t.TempDir(), members: map[string]*process{}}
	for i := range workloads {
		p.workloads = append(p.workloads, fmt.Sprintf("cctv-%02d", i))
	}
	if err := os.Mkdir(filepath.Join(p.dir, "workloads"), 0o700); err != nil {
		t.Fatal(err)
	}
	sw := &v1alpha1.Swarm{Spec: v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: p.workloads},
		Handover: v1alpha1.HandoverPolicy{Lease: seconds(6), Patience: seconds(6)}}}
	sw.APIVersion, sw.Kind, sw.Name = v1alpha1.APIVersion, v1alpha1.SwarmKind, "streams"
	if _, err := s.CreateSwarm(t.Context(), sw); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.check)
	return p
}

// hire starts a worker that speaks to a server.
func (p *pool) hire(s *site, worker string) {
	p.t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEAMTASK_SERVER="+s.URL, "TEAMTASK_TOKEN="+s.Token, poolEnv+"="+p.dir, swarmEnv+"=streams", workerEnv+"="+worker)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.members[worker] = s.launch(cmd)
}

// lose kills a worker.
func (p *pool) lose(worker string) {
	m := p.members[worker]
	m.cmd.Process.Kill()
	m.cmd.Wait()
	delete(p.members, worker)
}

// owned is how many workloads somebody believes to own: the kernel's list of locks says so, as to try a lock would be to have it. The
// list is read in pieces, and one of ours is passed over when another's before it goes in between: so two readings have to agree.
func (p *pool) owned() int {
	p.t.Helper()
	n := p.locked()
	for before := -1; n != before; {
		before, n = n, p.locked()
	}
	return n
}

// locked is how many workloads one reading of the kernel's list of locks has.
func (p *pool) locked() (n int) {
	p.t.Helper()
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range p.workloads {
		var st syscall.Stat_t
		err := syscall.Stat(filepath.Join(p.dir, "workloads", name), &st)
		if err == nil && strings.Contains(string(locks), fmt.Sprintf(":%d ", st.Ino)) {
			n++
		}
	}
	return n
}

// settles waits until every workload has an owner, in a pool of so many workers that are all up to date.
func (p *pool) settles(s *site, workers int) {
	p.t.Helper()
	eventually(p.t, "every workload is owned again", func() bool {
		sw, err := s.GetSwarm(p.t.Context(), "streams")
		if err != nil {
			p.t.Fatal(err)
		}
		return sw.Status.Phase() == v1alpha1.SwarmConverged && sw.Status.Workers == int32(workers) && p.owned() == len(p.workloads)
	})
}

// check tells what must not have been.
func (p *pool) check() {
	breaches, err := os.ReadFile(filepath.Join(p.dir, "breaches"))
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		p.t.Errorf("%s%v", breaches, err)
	}
}
