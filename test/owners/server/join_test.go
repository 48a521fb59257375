package server

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
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
	"teamtask.dev/test/owners"
)

// Processes of `teamtask join` are killed, told to go and started again, and so is the server. Each stream locks its target while it
// runs: a second consumer would not go unnoticed.
func TestJoin(t *testing.T) {
	t.Parallel()
	p := newPool(t)
	p.story([]syscall.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM})
	for _, l := range p.log() {
		if l.what != "refused" {
			continue
		}
		if p.pulse.Excuses(l.at.Add(-p.lease/5), l.at, p.lease) {
			t.Logf("%s was refused its target while the machine had no time", l.worker)
			continue
		}
		t.Errorf("stream %s had two owners, or the wrong one, at %s\n%s", l.stream, l.at, p.history(l.stream))
	}
}

// A worker that is stopped, and not its streams, cannot end these when its lease is over. They go on until it wakes; but whoever takes
// over from them has a greater epoch, and none of them comes back after that.
func TestStopped(t *testing.T) {
	t.Parallel()
	newPool(t).story([]syscall.Signal{syscall.SIGSTOP, syscall.SIGSTOP, syscall.SIGKILL})
}

// pool is a server, and processes that have joined a Swarm at it.
type pool struct {
	t       *testing.T
	rng     *rand.Rand
	lease   time.Duration
	pulse   *owners.Pulse
	dir     string // of the streams' targets
	server  *server
	streams []string
	workers map[string]*worker
}

// worker is a `teamtask join`.
type worker struct {
	*exec.Cmd
	log   syncBuffer
	ended chan struct{} // closed when the process has ended
}

func newPool(t *testing.T) *pool {
	t.Helper()
	p := &pool{t: t, rng: owners.Random(t), lease: owners.Lease(), pulse: owners.StartPulse(t), dir: t.TempDir(), server: serve(t), workers: map[string]*worker{}}
	for i := range 12 {
		p.streams = append(p.streams, fmt.Sprintf("cam-%02d", i))
	}
	swarm := &v1alpha1.Swarm{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.SwarmKind}, ObjectMeta: metav1.ObjectMeta{Name: "streams"},
		Spec: v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: p.streams},
			Handover: v1alpha1.HandoverPolicy{Lease: &metav1.Duration{Duration: p.lease}, Patience: &metav1.Duration{Duration: time.Second / 2}}}}
	if _, err := p.server.CreateSwarm(t.Context(), swarm); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for name, w := range p.workers {
			w.Process.Signal(syscall.SIGCONT)
			w.Process.Kill()
			<-w.ended
			if t.Failed() {
				t.Logf("%s:\n%s", name, w.log.String())
			}
		}
	})
	return p
}

// story has things go wrong, and waits for all to be well again; then it checks the epochs.
func (p *pool) story(signals []syscall.Signal) {
	t := p.t
	for i := range 3 {
		p.join(fmt.Sprint("w", i))
	}
	p.well()
	for range owners.Faults() / 10 {
		switch name := fmt.Sprint("w", p.rng.IntN(4)); {
		case p.rng.IntN(5) == 0:
			sig := []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP}[p.rng.IntN(2)]
			t.Log(p.server.down(sig, p.rng, p.lease*3/2))
		case !p.there(name):
			t.Log(name, "joins")
			p.join(name)
		default:
			sig := signals[p.rng.IntN(len(signals))]
			t.Log(name, "gets", sig)
			p.workers[name].Process.Signal(sig)
		}
		p.wait(time.Duration(p.rng.Int64N(int64(p.lease))))
		for _, name := range slices.Sorted(maps.Keys(p.workers)) {
			if p.rng.IntN(3) == 0 {
				p.workers[name].Process.Signal(syscall.SIGCONT)
			}
		}
	}
	p.server.heal()
	for i := range 3 {
		name := fmt.Sprint("w", i)
		if w := p.workers[name]; w != nil {
			w.Process.Signal(syscall.SIGCONT)
		}
		if !p.there(name) {
			p.join(name)
		}
	}
	begun := time.Now()
	p.well()
	began := 0
	last := map[string]line{}
	for _, l := range p.log() {
		if l.what != "began" {
			continue
		}
		if before := last[l.stream]; l.epoch < before.epoch || l.epoch == before.epoch && l.worker != before.worker {
			t.Errorf("%s runs %s with epoch %d after %s with epoch %d\n%s", l.worker, l.stream, l.epoch, before.worker, before.epoch, p.history(l.stream))
		}
		last[l.stream] = l
		began++
	}
	t.Logf("%d streams were begun; all were owned again after %s (lease %s)", began, time.Since(begun).Round(time.Millisecond), p.lease)
}

func (p *pool) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-p.t.Context().Done():
	}
}

// join starts a worker. One of its name that was killed may be held to be there until its lease is over.
func (p *pool) join(name string) {
	p.t.Helper()
	w := &worker{ended: make(chan struct{}), Cmd: exec.Command(teamtask, "join", "streams", "--worker", name, "--", stream, "-dir", p.dir, "{workload}", "{epoch}")}
	w.Env = append(os.Environ(), "TEAMTASK_SERVER="+p.server.URL, "TEAMTASK_TOKEN="+p.server.Token)
	w.Stderr = &w.log
	w.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := w.Start(); err != nil {
		p.t.Fatal(err)
	}
	go func() {
		w.Wait()
		close(w.ended)
	}()
	p.workers[name] = w
}

// there tells whether a worker's process has not ended.
func (p *pool) there(name string) bool {
	w := p.workers[name]
	if w == nil {
		return false
	}
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// well waits until each stream is consumed, and the Swarm says so.
func (p *pool) well() {
	p.t.Helper()
	eventually(p.t, "all streams are consumed", func() error {
		ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
		defer cancel()
		swarm, err := p.server.GetSwarm(ctx, "streams")
		if err != nil {
			return err
		}
		if swarm.Status.Phase() != v1alpha1.SwarmConverged {
			return fmt.Errorf("the Swarm is %+v", swarm.Status)
		}
		locked := p.locked()
		for _, name := range p.streams {
			if !locked[name] {
				return fmt.Errorf("nobody consumes %s\n%s", name, p.history(name))
			}
		}
		return nil
	})
}

// locked are the streams whose targets are locked by their processes.
func (p *pool) locked() map[string]bool {
	p.t.Helper()
	locks, err := os.ReadFile("/proc/locks") // proc_locks(5)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[string]bool{}
	for l := range strings.Lines(string(locks)) {
		field := strings.Fields(l)
		if len(field) < 5 || field[1] != "FLOCK" {
			continue
		}
		command, _ := os.ReadFile(filepath.Join("/proc", field[4], "cmdline")) // it may have ended
		if args := strings.Split(string(command), "\x00"); len(args) > 4 && args[0] == stream && args[2] == p.dir {
			out[args[3]] = true
		}
	}
	return out
}

// line is one of the streams' log.
type line struct {
	at                   time.Time
	worker, what, stream string
	epoch                int64
}

// log is what the streams have written down.
func (p *pool) log() (out []line) {
	p.t.Helper()
	f, err := os.Open(filepath.Join(p.dir, "log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		field := strings.Fields(s.Text())
		if len(field) != 5 {
			p.t.Fatalf("the log has the line %q", s.Text())
		}
		at, err := time.Parse(time.RFC3339Nano, field[0])
		if err != nil {
			p.t.Fatal(err)
		}
		epoch, err := strconv.ParseInt(field[4], 10, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		out = append(out, line{at, field[1], field[2], field[3], epoch})
	}
	return out
}

// history is what happened to a stream.
func (p *pool) history(stream string) string {
	var out strings.Builder
	for _, l := range p.log() {
		if l.stream == stream {
			fmt.Fprintf(&out, "%s %s %s with epoch %d\n", l.at.Format(time.StampMilli), l.worker, l.what, l.epoch)
		}
	}
	return out.String()
}
