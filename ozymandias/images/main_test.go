package images_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/podman/podmantest"
)

// The machines of the nodes, and the registry that they take for Docker Hub.
var (
	machines []*podmantest.Machine
	hub      registry
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	server := httptest.NewServer(&hub)
	defer server.Close()
	dir, err := os.MkdirTemp("", "oz")
	fail(err)
	defer os.RemoveAll(dir)
	// Podman reads it when its service starts (containers-registries.conf(5)).
	settings := filepath.Join(dir, "registries.conf")
	fail(os.WriteFile(settings, fmt.Appendf(nil, "[[registry]]\nprefix = \"docker.io\"\nlocation = %q\ninsecure = true\n", strings.TrimPrefix(server.URL, "http://")), 0o600))
	os.Setenv("CONTAINERS_REGISTRIES_CONF", settings)
	for range 3 {
		machine, err := podmantest.Setup()
		if err != nil {
			fail(err)
			break
		}
		machines = append(machines, machine)
	}
	if code == 0 {
		code = m.Run()
	}
	for _, machine := range machines {
		fail(machine.Close())
	}
	return code
}

// patient is a context with the patience that a slow machine asks for.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(done)
	return ctx
}

// A cluster is nodes that fetch images from each other over HTTP.
type cluster struct {
	etcd  *clientv3.Client
	nodes map[string]*node
}

type node struct {
	*images.Store
	machine *podmantest.Machine
	server  *httptest.Server
	lease   clientv3.LeaseID
	stop    func()
	// serve answers a request for an image; [images.Store.Save] unless a test has something else in mind.
	serve func(ctx context.Context, id string, w io.Writer) error
}

// found makes a cluster of as many nodes, n1 and so on. They do not run yet.
func found(t *testing.T, nodes int) *cluster {
	t.Helper()
	c := &cluster{etcd: etcdtest.Start(t).Direct, nodes: map[string]*node{}}
	for i := range nodes {
		name := fmt.Sprintf("n%d", i+1)
		n := &node{machine: machines[i], stop: func() {}}
		n.Store = images.New(images.Options{Podman: n.machine.Client, Etcd: c.etcd, Node: name, Fetch: c.fetch, Log: slog.New(slog.DiscardHandler)})
		n.serve = n.Save
		n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := n.serve(r.Context(), strings.TrimPrefix(r.URL.Path, "/"), w); err != nil {
				http.Error(w, err.Error(), http.StatusServiceUnavailable)
			}
		}))
		c.nodes[name] = n
		t.Cleanup(func() {
			n.stop()
			n.server.CloseClientConnections()
			n.server.Close()
			n.clear(t)
		})
	}
	return c
}

// clear removes all images but the guest.
func (n *node) clear(t *testing.T) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	all, err := n.machine.Client.Images(ctx)
	if err != nil {
		t.Error(err)
	}
	for _, image := range all {
		for _, name := range image.Names {
			if name == podmantest.Image {
				continue
			}
			if err := n.machine.Client.RemoveImage(ctx, name); err != nil {
				t.Error(err)
			}
		}
	}
}

func (c *cluster) fetch(ctx context.Context, node, id string) (io.ReadCloser, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.nodes[node].server.URL+"/"+id, nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		why, _ := io.ReadAll(answer.Body)
		return nil, fmt.Errorf("%s: %s", answer.Status, why)
	}
	return answer.Body, nil
}

// start has nodes run.
func (c *cluster) start(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		n := c.nodes[name]
		lease, err := c.etcd.Grant(t.Context(), 600)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		over := make(chan struct{})
		go func() {
			defer close(over)
			_ = n.Run(ctx, lease.ID)
		}()
		n.lease, n.stop = lease.ID, func() { cancel(); <-over }
	}
}

// kill ends a node, and its lease.
func (c *cluster) kill(t *testing.T, name string) {
	t.Helper()
	n := c.nodes[name]
	n.stop()
	if _, err := c.etcd.Revoke(t.Context(), n.lease); err != nil {
		t.Fatal(err)
	}
}

// until waits until the list of images is as it should be.
func (c *cluster) until(t *testing.T, what string, is func([]images.Image) bool) {
	t.Helper()
	ctx := patient(t)
	news := c.etcd.Watch(ctx, "/ozymandias/", clientv3.WithPrefix())
	for {
		list, err := c.nodes["n1"].List(ctx)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if is(list) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("not so: %s; there are %+v", what, list)
		case <-news:
		}
	}
}

// image makes an image that says what it is, and returns an archive of it and its id; the node's podman does not keep it.
func image(t *testing.T, n *node, name, content string) (archive []byte, id string) {
	t.Helper()
	ctx := patient(t)
	id, err := n.machine.Client.Import(ctx, name, bytes.NewReader(file(t, content)), `ENTRYPOINT ["/guest"]`, "LABEL content="+content)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := n.machine.Client.Save(ctx, name, &b); err != nil {
		t.Fatal(err)
	}
	if err := n.machine.Client.RemoveImage(ctx, name); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), id
}

// file is an archive of one.
func file(t *testing.T, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "content", Mode: 0o644, Size: int64(len(content))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layered is an OCI archive whose layers are all replaced by another, under the digests that they had.
func layered(t *testing.T, archive, layer []byte) []byte {
	t.Helper()
	var other, b bytes.Buffer
	z := gzip.NewWriter(&other)
	if _, err := z.Write(layer); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(&b)
	replaced := 0
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.HasPrefix(content, []byte("\x1f\x8b")) {
			content, header.Size = other.Bytes(), int64(other.Len())
			replaced++
		}
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil || replaced == 0 {
		t.Fatalf("%d layers were replaced, %v", replaced, err)
	}
	return b.Bytes()
}
