package node_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cgroup/cgrouptest"
	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/scheduler"
	"teamtask.dev/ozymandias/state"
)

// patience is how long anything may take on a slow and busy machine.
const patience = 3 * time.Minute

// A world is an etcd in which decisions are taken, whatever nodes there are.
type world struct {
	*testing.T
	etcd      *etcdtest.Etcd
	store     *state.Store
	mirror    *state.Mirror
	scheduler *scheduler.Scheduler
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, etcd: etcdtest.Start(t)}
	w.store = state.New(w.etcd.Direct)
	var err error
	if w.mirror, err = w.store.NewMirror(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.scheduler = &scheduler.Scheduler{Node: "none", Store: w.store, Mirror: w.mirror, Log: w.log()}
	ctx, stop := context.WithCancel(t.Context())
	var by sync.WaitGroup
	by.Go(func() { _ = w.mirror.Run(ctx) })
	by.Go(func() { _ = w.scheduler.Run(ctx) })
	t.Cleanup(func() { stop(); by.Wait() })
	return w
}

func (w *world) log() *slog.Logger { return slog.New(slog.NewTextHandler(w.Output(), nil)) }

// change has the state be changed, and what follows from that.
func (w *world) change(change func(schedule.State) (schedule.State, error)) {
	w.Helper()
	ctx, done := context.WithTimeout(w.Context(), patience)
	defer done()
	if _, _, err := w.scheduler.Apply(ctx, change); err != nil {
		w.Fatal(err)
	}
}

// put has a job be run.
func (w *world) put(j job.Job) {
	w.Helper()
	j = j.Default()
	if err := j.Validate(); err != nil {
		w.Fatal(err)
	}
	w.change(func(s schedule.State) (schedule.State, error) { return s.Put("uid-"+j.Name, j), nil })
}

// web is a job of one container that does what the guest is told.
func web(command string, change ...func(*job.Container)) job.Job {
	c := job.Container{Image: podmantest.Image, Command: strings.Fields(command), Memory: 64e6}
	for _, change := range change {
		change(&c)
	}
	return job.Job{Name: "web", Containers: map[string]job.Container{"main": c}}
}

// until waits for the conditions of the living nodes' instances to be as wanted; they are called as people call them.
func (w *world) until(what string, is func(map[string]schedule.Condition) bool) map[string]schedule.Condition {
	w.Helper()
	over := time.After(patience)
	for {
		now, _, changed := w.mirror.State()
		all := map[string]schedule.Condition{}
		for _, n := range now.Nodes {
			for i, c := range n.Report.Instances {
				all[strings.TrimPrefix(i.Job, "uid-")+"-"+i.ID] = c
			}
		}
		if is(all) {
			return all
		}
		select {
		case <-changed:
		case <-over:
			w.Fatalf("never %s: %+v; nodes %+v", what, all, now.Nodes)
		}
	}
}

// untilHealthy waits for web-0 to be healthy at an epoch later than that.
func (w *world) untilHealthy(after int64) schedule.Condition {
	w.Helper()
	return w.until("healthy", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Epoch > after
	})["web-0"]
}

// serve has web be run, and waits until it is healthy.
func (w *world) serve(command string, change ...func(*job.Container)) schedule.Condition {
	w.Helper()
	w.put(web(command, change...))
	return w.untilHealthy(0)
}

// A host is where a node runs, as its own process or in this one.
type host struct {
	*world
	setting
	machine *podmantest.Machine
	more    func(*node.Options) // what is added to the options of a node in this process
	stop    func()              // ends the process in this one, as SIGTERM does, and waits
	process *exec.Cmd
	node    *node.Node
}

// host prepares a node on a machine.
func (w *world) host(m *podmantest.Machine, name string) *host {
	w.Helper()
	dir, err := os.MkdirTemp("", "ozn") // short, for the sockets' sake
	if err != nil {
		w.Fatal(err)
	}
	h := &host{world: w, machine: m}
	h.setting = setting{Name: name, Dir: filepath.Join(dir, "lib"), Run: filepath.Join(dir, "run"), Cgroup: m.Cgroup + "/" + name, TTL: lease.DefaultTTL,
		Capacity: placement.Resources{Memory: 2e9, Disk: 1e9, CPU: 4000}, Endpoints: w.etcd.Cuttable.Endpoints(), Network: m.Network}
	h.setting.Podman.Dir, h.setting.Podman.Run = m.Options.Dir, m.Options.Run
	w.Cleanup(func() { h.clean(dir) })
	return h
}

// clean removes what a test has left on the machine, so that the next begins with none.
func (h *host) clean(dir string) {
	if h.stop != nil {
		h.stop()
	}
	if h.process != nil {
		h.kill(syscall.SIGKILL)
	}
	// The watchdog ends by itself once nothing runs; what is to be kept is not its own.
	for _, below := range []string{"/stop", "/keep", "/watchdog"} {
		if err := h.group(below).Kill(); err != nil {
			h.Error(err)
		}
	}
	if err := h.machine.Restart(); err != nil {
		h.Error(err)
	}
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	pods, err := h.machine.Client.Pods(ctx, nil)
	if err != nil {
		h.Error(err)
	}
	for _, pod := range pods {
		if err := h.machine.Client.RemovePod(ctx, pod.Name); err != nil {
			h.Error(err)
		}
	}
	h.machine.Service.Close()
	if err := os.RemoveAll(dir); err != nil {
		h.Error(err)
	}
}

// begin runs the node in this process.
func (h *host) begin() {
	h.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(h.Context()))
	o, err := h.options(ctx, h.etcd.Cuttable, h.log().With("node", h.Name()))
	if err == nil {
		if h.more != nil {
			h.more(&o)
		}
		h.node, err = node.New(o)
	}
	if err != nil {
		stop()
		h.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := h.node.Run(ctx); err != nil {
			h.Errorf("the node ended with %v", err)
		}
	}()
	h.stop = func() { stop(); <-ended; h.stop = nil }
}

func (h *host) Name() string { return h.setting.Name }

// spawn runs the node as a process of its own.
func (h *host) spawn() {
	h.Helper()
	text, err := json.Marshal(h.setting)
	if err != nil {
		h.Fatal(err)
	}
	h.process = exec.Command(os.Args[0])
	h.process.Env = append(os.Environ(), nodeRole+"="+string(text))
	h.process.Stdout, h.process.Stderr = h.Output(), h.Output()
	h.process.WaitDelay = time.Second // the watchdog has the same output
	if err := h.process.Start(); err != nil {
		h.Fatal(err)
	}
}

// kill sends the process a signal that ends it, and waits for that.
func (h *host) kill(signal syscall.Signal) {
	_ = h.process.Process.Signal(signal)
	_ = h.process.Wait()
	h.process = nil
}

// group is one of the node's control groups.
func (h *host) group(below string) cgroup.Group {
	h.Helper()
	group, err := cgroup.Find(h.Cgroup + below)
	if err != nil {
		h.Fatal(err)
	}
	return group
}

// processes are those of the node's instances that the kernel knows, sorted.
func (h *host) processes() []int {
	h.Helper()
	all, err := h.group("/stop").Processes()
	if err != nil {
		h.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// containers waits for that many of the node's processes to be the first of a container of a job, and returns them.
func (h *host) containers(count int) (pids []int) {
	h.Helper()
	for began := time.Now(); len(pids) != count; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			h.Fatalf("processes %v run, not %d", pids, count)
		}
		pids = nil
		for _, pid := range h.processes() {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err == nil && bytes.HasPrefix(line, []byte("/guest\x00")) && !bytes.Contains(line, []byte("exit")) { // that is a check
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// pods are the pods that are on the machine.
func (h *host) pods() (names []string) {
	h.Helper()
	ctx, done := context.WithTimeout(h.Context(), patience)
	defer done()
	pods, err := h.machine.Client.Pods(ctx, nil)
	if err != nil {
		h.Fatal(err)
	}
	for _, pod := range pods {
		names = append(names, pod.Name+" "+pod.Status)
	}
	slices.Sort(names)
	return names
}

// lost waits until etcd has ended the lease of a node, and returns what the kernel says runs there at that moment.
func (h *host) lost(cut func()) (left []int) {
	h.Helper()
	ctx, done := context.WithTimeout(h.Context(), patience)
	defer done()
	news := h.etcd.Direct.Watch(ctx, state.Prefix+"live/"+h.Name())
	cut()
	for answer := range news {
		for _, event := range answer.Events {
			if event.Type == clientv3.EventTypeDelete {
				return h.processes()
			}
		}
	}
	h.Fatalf("the lease of %s does not end", h.Name())
	return nil
}

// podmans are the processes of the node's podman service.
func (h *host) podmans() (pids []int) {
	h.Helper()
	for pid, command := range podman.Commands() {
		if slices.ContainsFunc(command, func(word string) bool { return strings.HasPrefix(word, "unix://"+h.setting.Podman.Run+"/") }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// empty waits until nothing of the node's instances runs.
func (h *host) empty() {
	h.Helper()
	cgrouptest.Empty(h.T, h.group("/stop"))
}

// restarted are the pods that podman knows of, after the node has ended.
func (h *host) restarted() []string {
	h.Helper()
	if err := h.machine.Restart(); err != nil {
		h.Fatal(err)
	}
	defer h.machine.Service.Close()
	return h.pods()
}
