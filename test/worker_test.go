package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
)

// process is a `teamtask work` in a process of its own.
type process struct {
	cmd *exec.Cmd
	log *syncBuffer
}

func (s *site) work(list string, args ...string) *process {
	s.t.Helper()
	return s.launch(s.command(append([]string{"work", list}, args...)...))
}

func (s *site) launch(cmd *exec.Cmd) *process {
	s.t.Helper()
	p := &process{cmd: cmd, log: &syncBuffer{}}
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		p.cmd.Process.Signal(syscall.SIGCONT)
		p.cmd.Process.Kill()
		p.cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("%v: %s", p.cmd.Args, p.log)
		}
	})
	return p
}

func (s *site) status(list string) v1alpha1.WorklistStatus {
	s.t.Helper()
	wl, err := s.Get(s.t.Context(), list)
	if err != nil {
		s.t.Fatal(err)
	}
	return wl.Status
}

// holds tells whether a worker holds a block of the list.
func (s *site) holds(list, worker string) bool {
	s.t.Helper()
	for b, err := range s.Blocks(s.t.Context(), list) {
		if err != nil {
			s.t.Fatal(err)
		}
		if b.Spec.Worker == worker {
			return true
		}
	}
	return false
}

func seconds(n float64) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n * float64(time.Second))}
}

var brisk = v1alpha1.WorklistSpec{Block: v1alpha1.BlockPolicy{Size: 5, Timeout: seconds(1), MaxAttempts: 100,
	Backoff: v1alpha1.BackoffPolicy{Initial: seconds(0.01), Max: seconds(0.1)}}}

// Workers are killed one after the other. The list gets done, and costs only what they had in hand.
func TestKillingWorkers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	spec := brisk
	spec.Size = 500
	s.create("list", spec)
	for i := range 5 {
		name := fmt.Sprintf("victim-%d", i)
		p := s.work("list", "--name", name, "-j2", "--", "sh", "-c", "exec sleep 0.02")
		eventually(t, "the worker has a block", func() bool { return s.holds("list", name) })
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
	p := s.work("list", "-j8", "--", "true")
	if err := p.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, p.log)
	}
	if st := s.status("list"); st.Phase() != v1alpha1.PhaseComplete || st.Failed != 0 || len(st.DoneRanges) != 1 {
		t.Errorf("%+v", st)
	}
	s.rowsOnce(t, "list")
}

// A worker process is stopped past its deadline and goes on when its block has been done by another: what it reports is
// refused, and it goes on in peace.
func TestAStoppedProcessIsFenced(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	spec := brisk
	spec.Size = 20
	s.create("list", spec)
	awake := filepath.Join(t.TempDir(), "awake")
	slow := s.work("list", "--name", "slow", "-j1", "--", "sh", "-c", "until test -e "+awake+"; do sleep 0.01; done")
	eventually(t, "the worker has a block", func() bool { return s.holds("list", "slow") })
	slow.cmd.Process.Signal(syscall.SIGSTOP)
	quick := s.work("list", "--name", "quick", "--", "true")
	if err := quick.cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, quick.log)
	}
	slow.cmd.Process.Signal(syscall.SIGCONT)
	if err := os.WriteFile(awake, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := slow.cmd.Wait(); err != nil {
		t.Errorf("the stopped worker: %v: %s", err, slow.log)
	}
	if log := slow.log.String(); !strings.Contains(log, "refused") && !strings.Contains(log, "lost") {
		t.Errorf("the stopped worker was not told: %s", log)
	}
	if st := s.status("list"); st.Phase() != v1alpha1.PhaseComplete || st.Done != 20 {
		t.Errorf("%+v", st)
	}
	s.rowsOnce(t, "list")
}

// SIGTERM drains a worker: the commands that run are finished, the rest is given back at once, not when the lease has run
// out.
func TestDrain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("list", v1alpha1.WorklistSpec{Size: 1000, Block: v1alpha1.BlockPolicy{Size: 500, Timeout: seconds(600)}})
	begun := filepath.Join(t.TempDir(), "begun")
	p := s.work("list", "--name", "leaving", "-j1", "--", "sh", "-c", "touch "+begun+"; exec sleep 0.05")
	eventually(t, "the worker is at work on a block", func() bool { _, err := os.Stat(begun); return err == nil && s.holds("list", "leaving") })
	p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, p.log)
	}
	if st := s.status("list"); st.Leased != 0 || st.Waiting+st.Done != 500 || st.Done == 0 || st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// The network between a worker and the server is cut for longer than a lease, in a network namespace. The worker goes on
// when it is back; nothing is lost or counted twice.
func TestTheNetworkIsCut(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Fatal("making a network namespace takes root")
	}
	ip := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	id := os.Getpid() % 10000 // of this run, as is the network: another one may be under way, or was killed and has left its own
	network := fmt.Sprintf("10.213.%d.", id/64)
	hereAt, thereAt := network+fmt.Sprint(id%64*4+1), network+fmt.Sprint(id%64*4+2)
	ns, here, there := fmt.Sprintf("tt%d", id), fmt.Sprintf("tta%d", id), fmt.Sprintf("ttb%d", id)
	ip("netns", "add", ns)
	t.Cleanup(func() { exec.Command("ip", "netns", "delete", ns).Run() })
	ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", ns)
	t.Cleanup(func() { exec.Command("ip", "link", "delete", here).Run() })
	ip("addr", "add", hereAt+"/30", "dev", here)
	ip("link", "set", here, "up")
	ip("-n", ns, "addr", "add", thereAt+"/30", "dev", there)
	ip("-n", ns, "link", "set", there, "up")

	s := newSiteAt(t, hereAt+":17070")
	spec := brisk
	spec.Size = 200
	s.create("list", spec)
	inside := s.command("work", "list", "--name", "remote", "-j2", "--", "sh", "-c", "exec sleep 0.05")
	inside.Args = append([]string{"ip", "netns", "exec", ns}, inside.Args...)
	var err error
	if inside.Path, err = exec.LookPath("ip"); err != nil {
		t.Fatal(err)
	}
	remote := s.launch(inside)
	eventually(t, "the worker in the namespace has a block", func() bool { return s.holds("list", "remote") })
	ip("link", "set", here, "down")
	eventually(t, "its leases run out", func() bool { return !s.holds("list", "remote") })
	ip("link", "set", here, "up")
	if err := remote.cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, remote.log)
	}
	if st := s.status("list"); st.Phase() != v1alpha1.PhaseComplete || st.Done != 200 {
		t.Errorf("%+v", st)
	}
	s.rowsOnce(t, "list")
}
