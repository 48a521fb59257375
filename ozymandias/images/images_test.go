package images_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// on says that an image is on these nodes.
func on(name, id string, nodes ...string) func([]images.Image) bool {
	return func(list []images.Image) bool {
		return slices.ContainsFunc(list, func(i images.Image) bool { return i.Name == name && i.ID == id && slices.Equal(i.Nodes, nodes) })
	}
}

// An image that is loaded into one node comes to the others, also to one that is started later and when the first one is gone. They can
// create containers of it by whichever of its names.
func TestSpread(t *testing.T) {
	ctx, c := patient(t), found(t, 3)
	c.start(t, "n1", "n2")
	archive, id := image(t, c.nodes["n1"], "web-app-image", "first")
	names, err := c.nodes["n1"].Load(ctx, bytes.NewReader(archive))
	if err != nil || !slices.Equal(names, []string{"localhost/web-app-image:latest"}) {
		t.Fatalf("Load() = %q, %v", names, err)
	}
	c.until(t, "two nodes have it", on("localhost/web-app-image:latest", id, "n1", "n2"))
	c.kill(t, "n1")
	c.start(t, "n3")
	for _, name := range []string{"web-app-image", "web-app-image:latest", "localhost/web-app-image"} {
		if got, err := c.nodes["n3"].Ensure(ctx, name, nil); err != nil || got != id {
			t.Fatalf("Ensure(%s) = %s, %v; want %s", name, got, err, id)
		}
	}
	c.until(t, "the dead node does not count", on("localhost/web-app-image:latest", id, "n2", "n3"))
	machine := machines[2]
	p := podman.Pod{Name: "spread", CgroupParent: machine.Cgroup, Network: machine.Network.Name}
	if err := machine.Client.CreatePod(ctx, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := machine.Client.RemovePod(context.WithoutCancel(ctx), p.Name); err != nil {
			t.Error(err)
		}
	})
	if err := machine.Client.CreateContainer(ctx, podman.Container{Name: "spread-app", Pod: p.Name, Spec: job.Container{Image: id}}); err != nil {
		t.Error(err)
	}
}

// A name that is loaded again, at another node, stands for the new content everywhere; the old one goes, except where it runs, and there as
// soon as it does not.
func TestReplace(t *testing.T) {
	ctx, c := patient(t), found(t, 2)
	c.start(t, "n1", "n2")
	archive, old := image(t, c.nodes["n1"], "app:1", "old")
	if _, err := c.nodes["n1"].Load(ctx, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	c.until(t, "both have the old one", on("localhost/app:1", old, "n1", "n2"))
	machine := machines[1]
	p := podman.Pod{Name: "replace", CgroupParent: machine.Cgroup, Network: machine.Network.Name}
	if err := machine.Client.CreatePod(ctx, p); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := machine.Client.RemovePod(ctx, p.Name); err != nil {
			t.Error(err)
		}
	}()
	if err := machine.Client.CreateContainer(ctx, podman.Container{Name: "replace-app", Pod: p.Name, Spec: job.Container{Image: old}}); err != nil {
		t.Fatal(err)
	}
	archive, young := image(t, c.nodes["n2"], "app:1", "young")
	if _, err := c.nodes["n2"].Load(ctx, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	for name, n := range c.nodes {
		if got, err := n.Ensure(ctx, "app:1", nil); err != nil || got != young {
			t.Errorf("Ensure() on %s = %s, %v; want %s, not %s", name, got, err, young, old)
		}
	}
	c.until(t, "both have the new one", on("localhost/app:1", young, "n1", "n2"))
	if _, err := machine.Client.Image(ctx, old); err != nil {
		t.Errorf("the node that runs the old one has it no more: %v", err)
	}
	gone(t, machines[0].Client, old)
	if err := machine.Client.RemovePod(ctx, p.Name); err != nil {
		t.Fatal(err)
	}
	if err := c.nodes["n1"].Remove(ctx, "app:1"); err != nil { // which has every node look again
		t.Fatal(err)
	}
	for _, m := range machines[:2] {
		gone(t, m.Client, old)
		gone(t, m.Client, young)
	}
	if err := c.nodes["n1"].Remove(ctx, "app:1"); !errors.Is(err, images.ErrNotFound) {
		t.Errorf("Remove() of what is not there: %v", err)
	}
}

// gone waits until podman has an image no more.
func gone(t *testing.T, client *podman.Client, id string) {
	t.Helper()
	ctx := patient(t)
	for {
		_, err := client.Image(ctx, id)
		if errors.Is(err, podman.ErrNotFound) {
			return
		}
		if ctx.Err() != nil { // any other error may be of podman, which stumbles over an image that is just being removed
			t.Fatalf("image %s stays: %v", id, err)
		}
	}
}

// A node sends something else, breaks off, or dies in the midst of it without a word: the image comes from another one.
func TestFaultyNodes(t *testing.T) {
	for name, serve := range map[string]func(t *testing.T, c *cluster) func(context.Context, string, io.Writer) error{
		"something else": func(t *testing.T, c *cluster) func(context.Context, string, io.Writer) error {
			other, _ := image(t, c.nodes["n1"], "other", "other")
			return func(_ context.Context, _ string, w io.Writer) error { _, err := w.Write(other); return err }
		},
		"something else by its name": func(t *testing.T, c *cluster) func(context.Context, string, io.Writer) error {
			return func(_ context.Context, id string, w io.Writer) error {
				other, _ := image(t, c.nodes["n1"], "ozymandias.internal/image:"+id, "other")
				_, err := w.Write(other)
				return err
			}
		},
		"another's layer": func(t *testing.T, c *cluster) func(context.Context, string, io.Writer) error {
			return func(ctx context.Context, id string, w io.Writer) error {
				var whole bytes.Buffer
				if err := c.nodes["n1"].Save(ctx, id, &whole); err != nil {
					return err
				}
				_, err := w.Write(layered(t, whole.Bytes(), file(t, "wrong")))
				return err
			}
		},
		"half of it": func(_ *testing.T, c *cluster) func(context.Context, string, io.Writer) error {
			return func(ctx context.Context, id string, w io.Writer) error {
				var whole bytes.Buffer
				if err := c.nodes["n1"].Save(ctx, id, &whole); err != nil {
					return err
				}
				_, err := w.Write(whole.Bytes()[:whole.Len()/2])
				return err
			}
		},
		"an error": func(*testing.T, *cluster) func(context.Context, string, io.Writer) error {
			return func(context.Context, string, io.Writer) error { return errors.New("no") }
		},
		"nothing for ever": func(t *testing.T, c *cluster) func(context.Context, string, io.Writer) error {
			var once sync.Once
			return func(ctx context.Context, _ string, _ io.Writer) error {
				once.Do(func() { c.kill(t, "n1") })
				<-ctx.Done()
				return ctx.Err()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, c := patient(t), found(t, 3)
			c.start(t, "n1")
			archive, id := image(t, c.nodes["n1"], "app", "right")
			if _, err := c.nodes["n1"].Load(ctx, bytes.NewReader(archive)); err != nil {
				t.Fatal(err)
			}
			c.until(t, "the first has it", on("localhost/app:latest", id, "n1"))
			var asked atomic.Bool
			bad := serve(t, c)
			first := make(chan struct{})
			c.nodes["n1"].serve = func(ctx context.Context, id string, w io.Writer) error {
				if !asked.Swap(true) {
					close(first)
				}
				return bad(ctx, id, w)
			}
			var gave atomic.Bool
			c.nodes["n2"].serve = func(ctx context.Context, id string, w io.Writer) error {
				gave.Store(true)
				return c.nodes["n2"].Save(ctx, id, w)
			}
			c.start(t, "n3")
			<-first
			// Only now there is one that gives it: it got it by hand.
			if _, err := machines[1].Client.Load(ctx, bytes.NewReader(archive)); err != nil {
				t.Fatal(err)
			}
			c.start(t, "n2")
			var said []string
			got, err := c.nodes["n3"].Ensure(ctx, "app", func(line string) { said = append(said, line) })
			if err != nil || got != id {
				t.Errorf("Ensure() = %s, %v; want %s; it said %q", got, err, id, said)
			}
			if !gave.Load() {
				t.Error("it did not come from the one that gives it")
			}
			if image, err := machines[2].Client.Image(ctx, id); err != nil || !slices.Equal(image.Names, []string{"ozymandias.internal/image:" + id}) {
				t.Errorf("it is %+v, %v", image, err)
			}
			if left, err := machines[2].Client.Images(ctx); err != nil || len(left) != 2 { // the guest is the other one
				t.Errorf("there are %+v, %v", left, err)
			}
		})
	}
}

// A fetch that is under way goes on when the news from etcd break off, and begins again if the image is gone for a moment meanwhile.
func TestChangeOfMind(t *testing.T) {
	ctx, c := patient(t), found(t, 2)
	c.start(t, "n1")
	n1, n2 := c.nodes["n1"], c.nodes["n2"]
	archive, id := image(t, n1, "app", "wanted")
	load := func() {
		t.Helper()
		if _, err := n1.Load(ctx, bytes.NewReader(archive)); err != nil {
			t.Fatal(err)
		}
	}
	ensure := func() {
		t.Helper()
		if got, err := n2.Ensure(ctx, "app", nil); err != nil || got != id {
			t.Fatalf("Ensure() = %s, %v; want %s", got, err, id)
		}
	}
	asked, release := make(chan struct{}), make(chan struct{})
	n1.serve = func(ctx context.Context, id string, w io.Writer) error {
		asked <- struct{}{}
		select {
		case <-release:
		case <-ctx.Done():
		}
		return n1.Save(ctx, id, w)
	}
	load()
	c.start(t, "n2")
	<-asked
	if err := n1.Remove(ctx, "app"); err != nil {
		t.Fatal(err)
	}
	gone(t, machines[0].Client, id)
	load()
	<-asked
	if _, err := c.etcd.Put(ctx, "/ozymandias/images/records/odd", "-"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.etcd.Delete(ctx, "/ozymandias/images/records/odd"); err != nil {
		t.Fatal(err)
	}
	close(release)
	go func() {
		for {
			select {
			case <-asked: // for whom it may concern
			case <-ctx.Done():
				return
			}
		}
	}()
	ensure()
}

// Whoever waits is told for what.
func TestWaitsInWords(t *testing.T) {
	ctx, c := patient(t), found(t, 2)
	archive, id := image(t, c.nodes["n1"], "app", "slow")
	if _, err := c.nodes["n1"].Load(ctx, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	c.start(t, "n2")
	said := make(chan string, 100)
	result := make(chan error, 1)
	go func() {
		got, err := c.nodes["n2"].Ensure(ctx, "app", func(line string) { said <- line })
		if err == nil && got != id {
			err = fmt.Errorf("it is %s", got)
		}
		result <- err
	}()
	if line := <-said; line != "waiting for a node that has image app: it was loaded into node n1; load it again if that is gone" {
		t.Errorf("it said %q", line)
	}
	var ready atomic.Bool
	c.nodes["n1"].serve = func(ctx context.Context, id string, w io.Writer) error {
		if !ready.Load() {
			return errors.New("not yet")
		}
		return c.nodes["n1"].Save(ctx, id, w)
	}
	c.start(t, "n1")
	for line := range said {
		if strings.HasPrefix(line, "fetching image app (") && strings.Contains(line, "so far without success") && strings.Contains(line, "from node n1") && strings.Contains(line, "not yet") {
			break
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.nodes["n2"].Ensure(ended, "app", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Ensure() = %v", err)
	}
	c.kill(t, "n1")
	ready.Store(true)
	c.start(t, "n1")
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// A node gives an image to a few others at a time, and to nobody what is not the cluster's.
func TestSave(t *testing.T) {
	ctx, c := patient(t), found(t, 1)
	c.start(t, "n1")
	n := c.nodes["n1"]
	archive, id := image(t, n, "app", "saved")
	if _, err := n.Load(ctx, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	var others sync.WaitGroup
	release := make(chan struct{})
	taken := make(chan struct{})
	for range 4 {
		others.Go(func() {
			if err := n.Save(ctx, id, &slow{taken: taken, release: release}); err != nil {
				t.Error(err)
			}
		})
		<-taken
	}
	if err := n.Save(ctx, id, io.Discard); !errors.Is(err, images.ErrBusy) {
		t.Errorf("Save() to a fifth = %v", err)
	}
	close(release)
	others.Wait()
	guest, err := n.machine.Client.Image(ctx, "localhost/guest:1")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{guest.ID, "localhost/guest:1", "", "../../info", strings.Repeat("0", 64)} {
		if err := n.Save(ctx, id, io.Discard); !errors.Is(err, images.ErrNotFound) {
			t.Errorf("Save(%q) = %v", id, err)
		}
	}
}

// slow is somebody who takes an image slowly.
type slow struct {
	taken   chan<- struct{}
	release <-chan struct{}
	once    sync.Once
}

func (s *slow) Write(b []byte) (int, error) {
	s.once.Do(func() { s.taken <- struct{}{} })
	<-s.release
	return len(b), nil
}

// What is no archive, and an image without a name, are refused in words that help.
func TestLoadRefuses(t *testing.T) {
	ctx, c := patient(t), found(t, 1)
	n := c.nodes["n1"]
	if _, err := n.Load(ctx, strings.NewReader("no archive")); err == nil || err.Error() != "no archive of images: `podman save -o FILE IMAGE` or `docker save -o FILE IMAGE` writes one" {
		t.Errorf("Load() of no archive: %v", err)
	}
	archive, id := image(t, n, "app", "nameless")
	if _, err := n.machine.Client.Load(ctx, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	var nameless bytes.Buffer
	if err := n.machine.Client.Save(ctx, id, &nameless); err != nil {
		t.Fatal(err)
	}
	if names, err := n.Load(ctx, &nameless); !errors.Is(err, images.ErrNameless) || !strings.Contains(err.Error(), "has no name: save it by its name") {
		t.Errorf("Load() of an image without a name: %q, %v", names, err)
	}
	if list, err := n.List(ctx); err != nil || len(list) != 0 {
		t.Errorf("there are %+v, %v", list, err)
	}
}

// What is not the cluster's is what this node has, else it comes from its registry, once for all who want it.
func TestEnsureElse(t *testing.T) {
	ctx, c := patient(t), found(t, 1)
	n := c.nodes["n1"]
	archive, id := image(t, n, "docker.io/library/postgres:13", "postgres")
	hub.publish(t, "library/postgres", "13", archive)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			said := ""
			got, err := n.Ensure(ctx, "postgres:13", func(line string) { said += line + "\n" })
			if err != nil || got != id {
				t.Errorf("Ensure() = %s, %v; want %s", got, err, id)
			}
			if said != "" && !strings.HasPrefix(said, "pulling image docker.io/library/postgres:13\n") {
				t.Errorf("it said %q", said)
			}
		})
	}
	all.Wait()
	const manifest = "/v2/library/postgres/manifests/13"
	if asked := hub.count(manifest); asked != 1 {
		t.Errorf("the registry was asked %d times", asked)
	}
	if got, err := n.Ensure(ctx, "docker.io/library/postgres:13", nil); err != nil || got != id || hub.count(manifest) != 1 {
		t.Errorf("Ensure() of what is here = %s, %v; the registry was asked %d times", got, err, hub.count(manifest))
	}
	fixed := "docker.io/library/postgres@" + hub.digest(manifest)
	for range 2 {
		if got, err := n.Ensure(ctx, fixed, nil); err != nil || got != id {
			t.Errorf("Ensure(%s) = %s, %v; want %s", fixed, got, err, id)
		}
	}
	here, err := n.machine.Client.Import(ctx, "localhost/mine:latest", bytes.NewReader(file(t, "mine")))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.Ensure(ctx, "mine", nil); err != nil || got != here {
		t.Errorf("Ensure() of a local one = %s, %v; want %s", got, err, here)
	}
	for name, want := range map[string]string{
		"web-app-image":           "there is no image web-app-image: load it by `ozymandias image load`, or name its registry; pull image docker.io/library/web-app-image:latest:",
		"localhost/web-app-image": "there is no image localhost/web-app-image: load it by `ozymandias image load`, or name its registry",
		"docker.io/ada/app:1":     "pull image docker.io/ada/app:1: podman: ",
		"Web":                     `"Web" is no name of an image`,
	} {
		if got, err := n.Ensure(ctx, name, nil); got != "" || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Ensure(%s) = %q, %v; want %s", name, got, err, want)
		}
	}
}

// Who has looked for an image just before somebody else's pull of it is over does not pull it again.
func TestEnsureAfterPull(t *testing.T) {
	ctx, c := patient(t), found(t, 1)
	n := c.nodes["n1"]
	archive, id := image(t, n, "docker.io/library/postgres:13", "postgres")
	hub.publish(t, "library/postgres", "13", archive)

	// Podman is late to tell the first who asks that the image is not there.
	asked, tell := make(chan struct{}), make(chan struct{})
	var told atomic.Bool
	to := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", n.machine.Options.Socket())
	}}
	defer to.CloseIdleConnections()
	late := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "podman" },
		Transport: to,
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode == http.StatusNotFound && strings.Contains(r.Request.URL.Path, "docker.io") && !told.Swap(true) {
				close(asked)
				<-tell
			}
			return nil
		},
	})
	late.Listener.Close()
	socket := filepath.Join(t.TempDir(), "podman.sock")
	var err error
	if late.Listener, err = net.Listen("unix", socket); err != nil {
		t.Fatal(err)
	}
	late.Start()
	defer late.Close()
	client := podman.Connect(socket)
	defer client.Close()

	store := images.New(images.Options{Podman: client, Etcd: c.etcd, Node: "n1", Fetch: c.fetch, Log: slog.New(slog.DiscardHandler)})
	ensure := func() {
		if got, err := store.Ensure(ctx, "postgres:13", nil); err != nil || got != id {
			t.Errorf("Ensure() = %s, %v; want %s", got, err, id)
		}
	}
	var first sync.WaitGroup
	first.Go(ensure)
	<-asked
	ensure()
	close(tell)
	first.Wait()
	if asked := hub.count("/v2/library/postgres/manifests/13"); asked != 1 {
		t.Errorf("the registry was asked %d times", asked)
	}
}

// What was pulled goes for the sake of the disk, one after the other, but for what somebody has or is to have; what cannot be pulled stays.
func TestSpare(t *testing.T) {
	ctx, c := patient(t), found(t, 1)
	n, client := c.nodes["n1"], machines[0].Client
	for _, name := range []string{"docker.io/library/needless:1", "registry.example/used:1", "registry.example/planned:latest", "localhost/own:1", "docker.io/library/needless:2"} {
		if strings.HasSuffix(name, "needless:2") {
			time.Sleep(time.Second) // what podman tells ages in
		}
		if _, err := client.Import(ctx, name, bytes.NewReader(file(t, name)), `ENTRYPOINT ["/guest"]`); err != nil {
			t.Fatal(err)
		}
	}
	if err := client.Tag(ctx, "docker.io/library/needless:1", "registry.example/other:1"); err != nil {
		t.Fatal(err)
	}
	archive, loaded := image(t, n, "registry.example/loaded:1", "loaded")
	if _, err := n.Load(ctx, bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	p := podman.Pod{Name: "spare", CgroupParent: machines[0].Cgroup, Network: machines[0].Network.Name}
	if err := client.CreatePod(ctx, p); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.RemovePod(context.WithoutCancel(ctx), p.Name); err != nil {
			t.Error(err)
		}
	})
	if err := client.CreateContainer(ctx, podman.Container{Name: "spare-app", Pod: p.Name, Spec: job.Container{Image: "registry.example/used:1"}}); err != nil {
		t.Fatal(err)
	}
	left := func() (names []string) {
		all, err := client.Images(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, image := range all {
			if image.ID == loaded {
				names = append(names, "loaded")
			}
			for _, name := range image.Names {
				if registry, rest, _ := strings.Cut(name, "/"); registry != "ozymandias.internal" && name != podmantest.Image && !strings.HasPrefix(rest, "podman-pause") {
					names = append(names, rest)
				}
			}
		}
		slices.Sort(names)
		return names
	}
	// An archive is on its way all the time. What podman has since then may be of it.
	read, write := io.Pipe()
	begun, over := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := n.Load(ctx, asked{read, sync.OnceFunc(func() { close(begun) })})
		over <- err
	}()
	<-begun
	if _, err := client.Import(ctx, "docker.io/library/needless:3", bytes.NewReader(file(t, "3")), `ENTRYPOINT ["/guest"]`); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{
		{"library/needless:2", "library/needless:3", "loaded", "own:1", "planned:latest", "used:1"},
		{"library/needless:3", "loaded", "own:1", "planned:latest", "used:1"},
		{"loaded", "own:1", "planned:latest", "used:1"},
	} {
		if i == 2 {
			if removed, err := n.Spare(ctx, []string{"registry.example/planned"}); err != nil || removed {
				t.Errorf("Spare() of what may be of an archive = %v, %v", removed, err)
			}
			write.CloseWithError(io.ErrUnexpectedEOF)
			if err := <-over; err == nil {
				t.Error("half an archive was loaded")
			}
		}
		if removed, err := n.Spare(ctx, []string{"registry.example/planned", "own:1", "no name"}); err != nil || !removed {
			t.Errorf("Spare() = %v, %v", removed, err)
		}
		if got := left(); !slices.Equal(got, want) {
			t.Errorf("there are %q, want %q", got, want)
		}
	}
	if removed, err := n.Spare(ctx, []string{"registry.example/planned"}); err != nil || removed {
		t.Errorf("Spare() of what is needed = %v, %v", removed, err)
	}
}

// asked says so when it is read.
type asked struct {
	io.Reader
	say func()
}

func (a asked) Read(b []byte) (int, error) {
	a.say()
	return a.Reader.Read(b)
}
