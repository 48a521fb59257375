package node_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/schedule"
)

// A process that takes the place of one that was killed takes up what runs, if the lease still lives: nothing is begun anew.
func TestAdopted(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 4 // so that a slow machine is in time
	h.spawn()
	first := h.serve("print up stay", func(c *job.Container) {
		c.Healthcheck = &job.Healthcheck{Type: job.Exec, Command: job.Words{"/guest", "exit", "0"}, Interval: job.Duration(time.Second), Timeout: job.Duration(patience), UnhealthyThreshold: 1}
	})
	before := h.containers(1)
	h.kill(syscall.SIGKILL)
	h.spawn()
	h.change(func(s schedule.State) (schedule.State, error) { return s.Scale("web", 2) })
	second := h.until("scaled", func(all map[string]schedule.Condition) bool { return all["web-1"].Settled })["web-0"]
	if second.Epoch != first.Epoch || second.Restarts != 0 || !second.Healthy || second.Address != first.Address || !second.Since.Equal(first.Since) {
		t.Errorf("it was %+v, and is %+v", first, second)
	}
	if after := h.containers(2); !slices.Contains(after, before[0]) {
		t.Errorf("processes %v ran, and now %v do", before, after)
	}
}

// What has ended while there was no process of the node is started again by the next one, also if nobody is left who could say so.
func TestAdoptsTheDead(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 4
	h.spawn()
	first := h.serve("print up stay")
	h.kill(syscall.SIGKILL)
	if err := h.group("/stop").Kill(); err != nil {
		t.Fatal(err)
	}
	h.empty()
	h.spawn()
	second := h.until("healthy again", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Since.After(first.Since)
	})["web-0"]
	if second.Epoch != first.Epoch {
		t.Errorf("it was %+v, and is %+v", first, second)
	}
	h.containers(1)
}

// A process that is told to end leaves everything running for the next one.
func TestRestarted(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 4
	h.begin()
	h.serve("print up stay")
	before := h.containers(1)
	h.stop()
	if after := h.containers(1); after[0] != before[0] {
		t.Errorf("process %v ran, and now %v does", before, after)
	}
	h.begin()
	h.change(func(s schedule.State) (schedule.State, error) { return s.Remove("web") })
	h.until("gone", func(all map[string]schedule.Condition) bool { return len(all) == 0 })
	if left := h.processes(); len(left) > 0 {
		t.Errorf("processes %v are left", left)
	}
}

// A node that is told to leave stops everything in order and ends its lease at once: the next of its name need not wait.
func TestLeaves(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL, h.Leave = 1e3*h.TTL, true
	h.begin()
	h.serve("print up stay")
	h.containers(1)
	if left := h.lost(h.stop); len(left) > 0 {
		t.Errorf("processes %v run after the lease has ended", left)
	}
	if pods := h.restarted(); len(pods) > 0 {
		t.Errorf("there are %v", pods)
	}
}

// When a node's process is killed and none takes its place, the watchdog ends everything before the lease can have ended. A process
// that comes later begins anew.
func TestKilled(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 2 // so that the watchdog has a while more between its time and the end of the lease
	h.spawn()
	first := h.serve("print up deaf stay")
	h.containers(1)
	if left := h.lost(func() { h.kill(syscall.SIGKILL) }); len(left) > 0 {
		t.Errorf("processes %v run after the lease has ended", left)
	}
	h.spawn()
	h.untilHealthy(first.Epoch)
}

// A node's process that is stopped cannot end anything; its watchdog can. When it goes on it finds its lease gone, and begins anew.
func TestFrozen(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 2 // so that the watchdog has a while more between its time and the end of the lease
	h.spawn()
	first := h.serve("print up deaf stay")
	h.containers(1)
	if left := h.lost(func() { _ = h.process.Process.Signal(syscall.SIGSTOP) }); len(left) > 0 {
		t.Errorf("processes %v run after the lease has ended", left)
	}
	_ = h.process.Process.Signal(syscall.SIGCONT)
	h.untilHealthy(first.Epoch)
}

// A node that is cut off from etcd stops everything before its lease can have ended, but for what is to be kept. When it is back, it begins
// anew, as another incarnation in the same process.
func TestCutOff(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.begin()
	h.put(web("print up deaf stay"))
	kept := web("print up stay")
	kept.Name, kept.OnPartition = "kept", job.Keep
	h.put(kept)
	first := h.until("healthy", func(all map[string]schedule.Condition) bool { return all["web-0"].Healthy && all["kept-0"].Healthy })
	keep := func() []int {
		all, err := h.group("/keep").Processes()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(all)
		return all
	}
	before := keep()
	h.containers(1)
	if left := h.lost(func() { h.etcd.Lose(etcdtest.Both) }); len(left) > 0 {
		t.Errorf("processes %v run after the lease has ended", left)
	}
	if after := keep(); len(before) == 0 || !slices.Equal(before, after) {
		t.Errorf("processes %v were to be kept, %v are there", before, after)
	}
	h.etcd.Lose(etcdtest.Nothing)
	h.until("healthy again", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Epoch > first["web-0"].Epoch && all["kept-0"].Healthy && all["kept-0"].Epoch > first["kept-0"].Epoch
	})
	if after := keep(); len(after) == 0 || slices.ContainsFunc(after, func(pid int) bool { return slices.Contains(before, pid) }) {
		t.Errorf("processes %v were kept, %v are there after it was begun anew", before, after)
	}
}

// A short silence of etcd stops nothing for good: what was asked to stop is started again at the same epoch.
func TestShortSilence(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 5 // so that there are some seconds between what stops and what is killed
	h.begin()
	first := h.serve("print up stay")
	h.etcd.Lose(etcdtest.Both)
	h.empty()
	h.etcd.Lose(etcdtest.Nothing)
	second := h.until("back", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Since.After(first.Since)
	})["web-0"]
	if second.Epoch != first.Epoch {
		t.Errorf("it was %+v, and is %+v", first, second)
	}
}

// A node that comes up while etcd is away waits for it.
func TestNoEtcd(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.put(web("print up stay"))
	h.spawn()
	first := h.untilHealthy(0)
	h.kill(syscall.SIGKILL)
	h.etcd.Lose(etcdtest.Both)
	h.spawn()
	h.empty() // the watchdog keeps to the time that it was told last
	h.etcd.Lose(etcdtest.Nothing)
	h.until("healthy again", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Since.After(first.Since)
	})
}

// Somebody takes a node's entry from among the living: everybody takes it for lost, so it has to stop.
func TestForsaken(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.begin()
	first := h.serve("print up stay")
	if _, err := h.etcd.Direct.Delete(t.Context(), "/ozymandias/live/n1"); err != nil {
		t.Fatal(err)
	}
	h.untilHealthy(first.Epoch)
}

// Two processes cannot be one node.
func TestLocked(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.begin()
	h.serve("print up stay")
	other := *h
	other.spawn()
	if err := other.process.Wait(); err == nil {
		t.Error("a second process is the same node")
	}
}

// A node that was deleted while it was cut off, and begins another life before its process hears of that, does not come back.
func TestDeletedWhileCutOff(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL /= 2
	log := said{h.log().Handler(), make(chan string, 10_000)}
	var deleted atomic.Bool
	h.more = func(o *node.Options) {
		o.Log = slog.New(log)
		o.Admitted = func(context.Context) error {
			if deleted.Load() {
				return errors.New("this node was deleted")
			}
			return nil
		}
	}
	h.begin()
	h.until("joined", func(map[string]schedule.Condition) bool {
		now, _, _ := h.mirror.State()
		return now.Node("n1") != nil
	})
	h.lost(func() { h.etcd.Lose(etcdtest.Both) })
	if err := h.store.Forget(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	deleted.Store(true)
	h.etcd.Lose(etcdtest.Nothing)
	log.hears(t, "trying again to join this node was deleted")
	if life, _, err := h.store.Life(t.Context(), "n1"); err != nil || life.Incarnation != "" {
		t.Errorf("it lives: %+v, %v", life, err)
	}
	deleted.Store(false)
	log.hears(t, "the node has joined")
}
