package node_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/node"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/volumes"
)

// A stand-in is a node of which there is only what others hear: that it runs what it is to run.
func (w *world) standIn(name string) {
	w.Helper()
	held, err := lease.Grant(w.Context(), w.etcd.Direct, time.Hour)
	if err != nil {
		w.Fatal(err)
	}
	machine := state.Machine{Address: "192.0.2.1", Capacity: placement.Resources{Memory: 2e9, Disk: 1e9, CPU: 4000}}
	incarnation, err := w.store.Join(w.Context(), name, machine, state.Report{}, held.ID, 0)
	if err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(w.Context()))
	ended := make(chan struct{})
	w.Cleanup(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		for reported := int64(-1); ; {
			now, _, changed := w.mirror.State()
			if n := now.Node(name); n != nil && n.Plan.Version != reported {
				r := state.Report{Incarnation: incarnation, Plan: n.Plan.Version}
				for _, p := range n.Plan.Instances {
					r.Instances = append(r.Instances, state.Instance{Instance: p.Instance, Condition: schedule.Condition{Epoch: p.Epoch,
						Revision: p.Revision, Phase: schedule.Running, Healthy: true, Settled: true}})
					for _, v := range now.Spec(p.Job, p.Revision).Containers["main"].Volumes {
						r.Volumes = append(r.Volumes, schedule.Volume{Instance: p.Instance, Name: v.Name, Space: int64(v.Space), Epoch: p.Epoch})
					}
				}
				if _, err := w.store.Report(ctx, name, r, held.ID); err != nil && ctx.Err() == nil {
					w.Error(err)
				}
				reported = n.Plan.Version
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// said are the messages of a log, with what they are about.
type said struct {
	slog.Handler
	lines chan string
}

func (s said) Handle(ctx context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.Value.String(); return true })
	s.lines <- line
	return s.Handler.Handle(ctx, r)
}

func (s said) WithAttrs(attrs []slog.Attr) slog.Handler {
	return said{s.Handler.WithAttrs(attrs), s.lines}
}

// hears waits for a line that begins so.
func (s said) hears(t *testing.T, begin string) {
	t.Helper()
	over := time.After(patience)
	for {
		select {
		case line := <-s.lines:
			if strings.HasPrefix(line, begin) {
				return
			}
		case <-over:
			t.Fatalf("never heard: %s", begin)
		}
	}
}

// What an instance leaves behind when it settles elsewhere is kept, and found again when it comes back; volumes of jobs that nobody knows are
// kept. Both go when their room is needed, those that have been left over for longest first, and those of a job that is deleted at once.
func TestKept(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4
	const space, scarce = 10_000_000, 256 << 20
	size := volumes.Size(space)
	if err := os.MkdirAll(h.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// There is room for three, and a little.
	if err := unix.Mount("tmpfs", h.Dir, "tmpfs", 0, fmt.Sprintf("size=%d", scarce+3*size+size/2)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(h.Dir, unix.MNT_DETACH); err != nil { // what runs there ends later
			t.Error(err)
		}
	})
	common := t.TempDir()
	disks, err := volumes.Open(t.Context(), volumes.Options{Dir: filepath.Join(h.Dir, "volumes"), Shared: common, Cluster: "ours"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.stop()
		if err := disks.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	has := func(job string, epoch int64) bool {
		for _, v := range disks.All() {
			if v.Job == job {
				return v.Epoch == epoch
			}
		}
		return false
	}
	for _, id := range []string{"", "0"} {
		unknown := schedule.Volume{Instance: schedule.Instance{Job: "uid-nobody", ID: id}, Name: "data", Space: space}
		if _, err := disks.Ensure(t.Context(), unknown); err != nil {
			t.Fatal(err)
		}
	}
	log := said{h.log().Handler(), make(chan string, 10_000)}
	h.more = func(o *node.Options) {
		o.Labels = map[string]string{"home": "n1"}
		o.Volumes, o.KeepVolumes, o.Log = disks, time.Hour, slog.New(log)
	}
	w.standIn("a1") // has no storage in common, though it is the first of the nodes
	drain := func(name string, draining bool) {
		w.change(func(s schedule.State) (schedule.State, error) { return s.Drain(name, draining) })
	}
	w.until("joined", func(map[string]schedule.Condition) bool {
		now, _, _ := w.mirror.State()
		return now.Node("a1") != nil
	})
	drain("a1", true)
	h.begin()
	log.hears(t, "a volume that nothing uses is kept for a while data uid-nobody 0 Forgotten")
	log.hears(t, "a volume that nothing uses is kept for a while data uid-nobody  Forgotten")
	if now, _, _ := w.mirror.State(); disks.Storage() == "" || now.Node("n1").Labels[schedule.StorageLabel] != disks.Storage() {
		t.Errorf("with storage %s it has labels %v", disks.Storage(), now.Node("n1").Labels)
	}

	volume := func(c *job.Container) { c.Volumes = []job.Volume{{Name: "data", Path: "/data", Space: space}} }
	w.put(web("stay", volume))
	first := w.untilHealthy(0)
	if !has("uid-web", first.Epoch) {
		t.Errorf("after epoch %d there are %+v", first.Epoch, disks.All())
	}
	file := filepath.Join(h.Dir, "volumes", "uid-web,0,data", "mount", "data", "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.standIn("n2")
	drain("n1", true)
	second := w.untilHealthy(first.Epoch)
	log.hears(t, "a volume that nothing uses is kept for a while data uid-web 0 Superseded")
	if !has("uid-web", first.Epoch) {
		t.Errorf("there are %+v", disks.All())
	}
	drain("n1", false)
	drain("n2", true)
	third := w.untilHealthy(second.Epoch)
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" || !has("uid-web", third.Epoch) {
		t.Errorf("it comes back to %q, %v; there are %+v", text, err, disks.All())
	}

	drain("n2", false)
	drain("n1", true)
	fourth := w.untilHealthy(third.Epoch)
	log.hears(t, "a volume that nothing uses is kept for a while data uid-web 0 Superseded")
	fill := func(name string, j job.Job) {
		j.Name, j.Placement.Requires = name, job.Labels{"home": "n1"}
		w.put(j)
		w.until("healthy", func(all map[string]schedule.Condition) bool { return all[name+"-0"].Healthy })
	}
	drain("n1", false)
	fill("third", web("stay", volume))
	if !has("uid-nobody", 0) || !has("uid-web", third.Epoch) {
		t.Errorf("though there is room for three there are %+v", disks.All())
	}
	fill("fourth", web("stay", volume))
	if has("uid-nobody", 0) || !has("uid-web", third.Epoch) {
		t.Errorf("though another was left over for longer there are %+v", disks.All())
	}
	fill("fifth", web("stay", volume))
	if has("uid-web", third.Epoch) {
		t.Errorf("there are %+v", disks.All())
	}
	if c := w.untilHealthy(0); c.Epoch != fourth.Epoch {
		t.Errorf("it has moved: %+v", c)
	}

	fill("wiki", web("stay", func(c *job.Container) {
		c.Volumes = []job.Volume{{Type: job.Shared, Name: "data", Path: "/data", Space: space}}
	}))
	remove := func(name string) {
		w.change(func(s schedule.State) (schedule.State, error) { return s.Remove(name) })
	}
	for name, owner := range map[string]string{"fifth": "uid-fifth 0", "wiki": "uid-wiki "} {
		remove(name)
		log.hears(t, "removed a volume that nobody needs data "+owner)
	}
	if shared, err := disks.Shared(); err != nil || len(shared) != 1 || shared[0].Job != "uid-nobody" {
		t.Errorf("in common there are %+v, %v", shared, err)
	}
	for _, name := range []string{"third", "fourth", "web"} {
		remove(name)
	}
	w.until("gone", func(all map[string]schedule.Condition) bool { return len(all) == 0 })
}

// An instance with a sticky volume waits for its node, and goes on there with what it has left.
func TestSticky(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	disks, err := volumes.Open(t.Context(), volumes.Options{Dir: filepath.Join(h.Dir, "volumes")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.stop()
		if err := disks.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	h.more = func(o *node.Options) { o.Volumes = disks }
	h.TTL /= 2
	h.begin()
	w.put(web("stay", func(c *job.Container) {
		c.Volumes = []job.Volume{{Name: "data", Path: "/data", Space: 4e6, Sticky: true}}
	}))
	first := w.untilHealthy(0)
	file := filepath.Join(h.Dir, "volumes", "uid-web,0,data", "mount", "data", "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.standIn("n2")
	h.stop()
	w.until("without it", func(map[string]schedule.Condition) bool {
		now, _, _ := w.mirror.State()
		return !now.Node("n1").Alive() && len(now.Node("n1").Plan.Instances) == 0
	})
	if now, _, _ := w.mirror.State(); len(now.Node("n2").Plan.Instances) > 0 {
		t.Errorf("it goes elsewhere: %+v", now.Node("n2").Plan)
	}
	h.begin()
	w.untilHealthy(first.Epoch)
	if text, err := os.ReadFile(file); err != nil || string(text) != "precious" || w.where() != "n1" {
		t.Errorf("it comes back to %q on %s: %v", text, w.where(), err)
	}
}

// What the records say of a node's storage is what its process has, whatever an earlier one had or somebody said: also when the process
// takes up a life that was begun without.
func TestStorageLabel(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4 // so that a slow machine is in time
	label := func(want string) {
		t.Helper()
		w.until("labelled "+want, func(map[string]schedule.Condition) bool {
			now, _, _ := w.mirror.State()
			n := now.Node("n1")
			return n != nil && n.Alive() && n.Labels[schedule.StorageLabel] == want && n.Labels["home"] == "here"
		})
	}
	h.more = func(o *node.Options) { o.Labels = map[string]string{"home": "here"} }
	h.begin()
	label("")
	now, _, _ := w.mirror.State()
	life := now.Node("n1").Incarnation
	h.stop()

	said := "nas"
	if _, err := w.store.Label(t.Context(), "n1", map[string]*string{schedule.StorageLabel: &said}); err != nil {
		t.Fatal(err)
	}
	disks, err := volumes.Open(t.Context(), volumes.Options{Dir: filepath.Join(h.Dir, "volumes"), Shared: t.TempDir(), Cluster: "ours"})
	if err != nil {
		t.Fatal(err)
	}
	without := h.more
	h.more = func(o *node.Options) { without(o); o.Volumes = disks }
	h.begin()
	label(disks.Storage())
	if now, _, _ := w.mirror.State(); now.Node("n1").Incarnation != life {
		t.Error("it has begun another life")
	}
	h.stop()

	h.more = without
	h.begin()
	label("")
}

// The server of the storage in common may be away, which holds up for ever whoever asks for anything: the node does all else that it is to do,
// and an instance that waits for its volume there can go, and so can the node.
func TestStorageAway(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	common := h.inCommon()
	if err := os.Mkdir(filepath.Join(common, wikiData), 0o700); err != nil {
		t.Fatal(err)
	}
	away(t, common)
	h.begin()
	w.put(web("stay"))
	w.untilHealthy(0)
	w.put(wiki())
	w.until("waiting", func(all map[string]schedule.Condition) bool {
		return all["wiki-0"].Message == "waits for the shared storage"
	})
	w.change(func(s schedule.State) (schedule.State, error) { return s.Remove("wiki") })
	w.until("gone", func(all map[string]schedule.Condition) bool { return len(all) == 1 })
	h.stop()
}

// While it is away nothing is started again that has a volume there, as podman would hang with it; all else is.
func TestStorageAwayAtARestart(t *testing.T) {
	w := newWorld(t)
	h := w.host(machine, "n1")
	h.TTL *= 4
	common := h.inCommon()
	h.begin()
	w.put(wiki())
	w.until("healthy", func(all map[string]schedule.Condition) bool { return all["wiki-0"].Healthy })
	waiting := h.containers(1)
	w.put(web("stay"))
	w.untilHealthy(0)
	away(t, common)
	for _, pid := range h.containers(2) {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	w.until("waiting, beside one that was started again", func(all map[string]schedule.Condition) bool {
		return all["wiki-0"].Message == "the shared storage does not answer" && all["web-0"].Healthy && all["web-0"].Containers["main"].Restarts == 1
	})
	if again := h.containers(1); again[0] == waiting[0] {
		t.Error("it was not killed")
	}
	w.change(func(s schedule.State) (schedule.State, error) { return s.Remove("wiki") })
	w.until("gone", func(all map[string]schedule.Condition) bool { return len(all) == 1 })
	h.stop()
}

// wikiData is where the volume of wiki's is.
const wikiData = "uid-wiki,,data"

// wiki is a job with a volume in the storage that nodes have in common.
func wiki() job.Job {
	wiki := web("stay", func(c *job.Container) {
		c.Volumes = []job.Volume{{Type: job.Shared, Name: "data", Path: "/data", Space: 4e6}}
	})
	wiki.Name = "wiki"
	return wiki
}

// inCommon gives a host that has not begun a storage in common with others.
func (h *host) inCommon() (dir string) {
	h.Helper()
	dir = h.TempDir()
	disks, err := volumes.Open(h.Context(), volumes.Options{Dir: filepath.Join(h.Dir, "volumes"), Shared: dir, Cluster: "ours"})
	if err != nil {
		h.Fatal(err)
	}
	h.more = func(o *node.Options) { o.Volumes = disks }
	return dir
}

// away has whoever asks for wiki's volume wait, until the test ends: who reads a pipe waits until there is something to read.
func away(t *testing.T, common string) {
	t.Helper()
	record := filepath.Join(common, wikiData, "volume.json")
	if err := os.Remove(record); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(record, 0o600); err != nil {
		t.Fatal(err)
	}
	server, err := os.OpenFile(record, os.O_RDWR, 0) // or else who reads would not even get it open
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
}
