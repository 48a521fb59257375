package node_test

import (
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/schedule"
)

// Podman's service may end: what runs goes on, and what is to be done is done by the next one.
func TestPodmanKilled(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4 // so that a slow machine is in time
	h.begin()
	w.put(web("print up stay"))
	first := w.untilHealthy(0)
	name, _ := h.node.Container("uid-web", "0", "main")
	running, err := h.node.Podman().Container(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range h.podmans() {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(running.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := w.until("restarted", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Restarts == 1
	})["web-0"]
	if second.Epoch != first.Epoch || second.Address != first.Address {
		t.Errorf("it was %+v, and is %+v", first, second)
	}
}

// What holds a pod together is killed: it is made anew.
func TestSpoiled(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4
	h.begin()
	w.put(web("print up stay"))
	first := w.untilHealthy(0)
	pods, err := h.node.Podman().Pods(t.Context(), nil)
	if err != nil || len(pods) != 1 {
		t.Fatal(pods, err)
	}
	infra, err := h.node.Podman().Container(t.Context(), pods[0].ID[:12]+"-infra")
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(infra.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until("made anew", func(all map[string]schedule.Condition) bool {
		return all["web-0"].Healthy && all["web-0"].Since.After(first.Since) && all["web-0"].Epoch == first.Epoch
	})
}

// Podman's service may hang: nothing new is to come to a node that can run nothing; the service is killed, and all goes on.
func TestPodmanHangs(t *testing.T) {
	defer node.SetSilent(5 * time.Second)()
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.begin()
	defer h.stop() // before silent is set back
	w.put(web("print up stay"))
	w.untilHealthy(0)
	for _, pid := range h.podmans() {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	unfit := func(yes bool) func(map[string]schedule.Condition) bool {
		return func(map[string]schedule.Condition) bool {
			now, _, _ := w.mirror.State()
			return strings.Contains(now.Node("n1").Report.Unfit, "podman does not answer") == yes
		}
	}
	w.until("unfit", unfit(true))
	w.until("fit", unfit(false))
	w.untilHealthy(0)
}

// If no service of podman's ever answers, what is to go is ended without it all the same: others wait for its place. The rest goes on. When podman
// answers again, what it still has of that is removed.
func TestPodmanNeverAnswers(t *testing.T) {
	defer node.SetSilent(time.Second)()
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4
	h.begin()
	defer h.stop() // before silent is set back
	stays := web("print up stay")
	stays.Name = "stays"
	w.put(stays)
	w.put(web("print up stay"))
	w.untilHealthy(0)
	all := w.until("both are healthy", func(all map[string]schedule.Condition) bool { return all["web-0"].Healthy && all["stays-0"].Healthy })
	pid := map[string]int{}
	for _, job := range []string{"web", "stays"} {
		name, _ := h.node.Container("uid-"+job, "0", "main")
		running, err := h.node.Podman().Container(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		pid[job] = running.PID
	}
	goOn := h.standStill()
	none := web("print up stay")
	none.NumInstances = new(0)
	w.put(none)
	w.until("gone", func(all map[string]schedule.Condition) bool { _, there := all["web-0"]; return !there })
	left := h.processes() // without those that have ended and that conmon has not waited for yet
	if slices.Contains(left, pid["web"]) {
		t.Error("it is said to be gone, and runs")
	}
	if !slices.Contains(left, pid["stays"]) {
		t.Error("what was to stay has ended")
	}
	goOn()
	now := w.until("there is nothing else", func(now map[string]schedule.Condition) bool {
		pods, err := h.node.Podman().Pods(t.Context(), nil)
		return err == nil && len(pods) == 1 && now["stays-0"].Healthy
	})
	if now["stays-0"].Since != all["stays-0"].Since {
		t.Errorf("what was to stay was %+v, and is %+v", all["stays-0"], now["stays-0"])
	}
}

// A process takes up what runs though the one before has left a service of podman's that hangs: that is ended.
func TestAdoptsFromAHungPodman(t *testing.T) {
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 4
	h.spawn()
	first := h.serve("print up stay")
	hung := h.podmans()
	for _, pid := range hung {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	h.kill(syscall.SIGKILL)
	h.spawn()
	h.change(func(s schedule.State) (schedule.State, error) { return s.Scale("web", 2) })
	second := h.until("scaled", func(all map[string]schedule.Condition) bool { return all["web-1"].Settled })["web-0"]
	if second.Epoch != first.Epoch || second.Restarts != 0 {
		t.Errorf("it was %+v, and is %+v", first, second)
	}
	for _, pid := range h.podmans() {
		if slices.Contains(hung, pid) {
			t.Errorf("service %d is left", pid)
		}
	}
}

// A life that cannot be taken up, as podman never answers, is ended before long: nobody hears how what runs fares.
func TestCannotAdopt(t *testing.T) {
	defer node.SetSilent(2 * time.Second)()
	h := newWorld(t).host(machine, "n1")
	h.TTL *= 4
	h.begin()
	first := h.serve("print up stay")
	h.stop()
	goOn := h.standStill()
	h.begin()
	defer h.stop() // before silent is set back
	h.empty()
	goOn()
	h.untilHealthy(first.Epoch)
}

// standStill has whichever service of podman's there is hang, until goOn is called.
func (h *host) standStill() (goOn func()) {
	over, stop := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(over)
		for again := time.NewTicker(10 * time.Millisecond); ; {
			for _, pid := range h.podmans() {
				_ = syscall.Kill(pid, syscall.SIGSTOP) // it may be gone
			}
			select {
			case <-stop:
				again.Stop()
				return
			case <-again.C:
			}
		}
	}()
	goOn = sync.OnceFunc(func() {
		close(stop)
		<-over
		for _, pid := range h.podmans() {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	})
	h.Cleanup(goOn)
	return goOn
}
