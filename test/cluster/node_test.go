package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"teamtask.dev/test/cluster"
)

const probe = "teamtask.dev/probe:test"

// startNodes starts a cluster with nodes that have the probe's image. At the end of the test nothing of it may be left.
func startNodes(t *testing.T, nodes int) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Options{Dir: t.TempDir(), Nodes: nodes, Progress: func(step string) { t.Log(step) }}.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
		noneLeft(t, c.Dir)
	})
	if err := c.BuildProgramImage(t.Context(), probe, "teamtask.dev/test/cluster/testdata/probe"); err != nil {
		t.Fatal(err)
	}
	return c
}

// A pod of an image that was built here runs; it reaches the API server at the address that pods are told, as its service
// account; its log can be read, and commands be run in it.
func TestNode(t *testing.T) {
	t.Parallel() // with TestNodes: clusters do not meet
	c := startNodes(t, 1)
	apply(t, c, pod("lister", c.Nodes[0], "list")+`
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: view}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default}]
`)
	kubectl(t, c, "wait", "--for=condition=Ready", "--timeout=3m", "pod/lister")
	until(t, func() (bool, string) {
		log := kubectl(t, c, "logs", "lister")
		return strings.Contains(log, "asked 10.96.0.1:443 and got 200 OK") && strings.Contains(log, "pod lister"), log
	})
	if out := kubectl(t, c, "exec", "lister", "--", "/program", "say", "hello"); out != "hello\n" {
		t.Errorf("exec printed %q", out)
	}
}

// Pods on different nodes reach each other through a Service, one reaches itself, this machine reaches them, and they it. A
// node that is lost takes its pods along and nothing else, and another may take its place.
func TestNodes(t *testing.T) {
	t.Parallel()
	c := startNodes(t, 2)
	first, second := c.Nodes[0], c.Nodes[1]
	apply(t, c, pod("server", first, "serve")+`
---
apiVersion: v1
kind: Service
metadata: {name: server}
spec: {selector: {app: server}, ports: [{port: 80, targetPort: 8080}]}
`)
	kubectl(t, c, "wait", "--for=condition=Ready", "--timeout=3m", "pod/server")
	service := "http://" + kubectl(t, c, "get", "service", "server", "--output", "jsonpath={.spec.clusterIP}")
	apply(t, c, pod("client", second, "get", service))
	kubectl(t, c, "wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=3m", "pod/client")
	if log := kubectl(t, c, "logs", "client"); log != "server\n" {
		t.Errorf("the other node's pod reads %q", log)
	}
	if out := kubectl(t, c, "exec", "server", "--", "/program", "get", service); out != "server\n" {
		t.Errorf("a pod reads of its own Service %q", out)
	}
	resp, err := http.Get("http://" + kubectl(t, c, "get", "pod", "server", "--output", "jsonpath={.status.podIP}") + ":8080")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	here, err := net.Listen("tcp", c.Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	go http.Serve(here, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "host\n") }))
	if out := kubectl(t, c, "exec", "server", "--", "/program", "get", "http://"+here.Addr().String()); out != "host\n" {
		t.Errorf("a pod reads of this machine %q", out)
	}

	if err := second.Stop(); err != nil {
		t.Fatal(err)
	}
	if out := kubectl(t, c, "exec", "server", "--", "/program", "say", "here"); out != "here\n" {
		t.Errorf("after the other node was lost, exec printed %q", out)
	}
	again, err := c.AddNode(t.Context(), second.Name)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, c, pod("again", again, "get", service))
	kubectl(t, c, "wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=3m", "pod/again")
}

// What cannot work says so.
func TestRefusals(t *testing.T) {
	c, err := cluster.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if _, err := c.AddNode(t.Context(), "late"); err == nil || !strings.Contains(err.Error(), "Options.Nodes") {
		t.Errorf("a node for a control plane alone: %v", err)
	}
	if err := c.BuildImage(t.Context(), "primes:test", "Containerfile", "."); err == nil || !strings.Contains(err.Error(), "teamtask.dev/primes:test") {
		t.Errorf("an image without a host name: %v", err)
	}
	if _, err := cluster.Open(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no cluster") {
		t.Errorf("open an empty directory: %v", err)
	}
}

// A start that is given up, with a node half made, leaves nothing.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		c, err := cluster.Options{Dir: dir, Nodes: 1}.Start(ctx)
		if err == nil {
			err = errors.Join(errors.New("a start that was given up succeeds"), c.Stop())
		}
		ended <- err
	}()
	until(t, func() (bool, string) {
		_, err := os.Stat(filepath.Join(dir, "nodes/node-1/lib/containerd"))
		return err == nil, "containerd does not start"
	})
	cancel()
	if err := <-ended; !strings.Contains(err.Error(), "killed") && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	noneLeft(t, dir)
}

// pod is a manifest of a pod that runs the probe.
func pod(name string, node *cluster.Node, args ...string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: %[1]s}}
spec:
  nodeName: %s
  restartPolicy: OnFailure
  terminationGracePeriodSeconds: 1
  containers:
  - {name: probe, image: %q, imagePullPolicy: Never, args: ["%s"]}
`, name, node.Name, probe, strings.Join(args, `", "`))
}

func apply(t *testing.T, c *cluster.Cluster, manifests string) {
	t.Helper()
	if err := c.Apply(t.Context(), manifests); err != nil {
		t.Fatal(err)
	}
}

func kubectl(t *testing.T, c *cluster.Cluster, args ...string) string {
	t.Helper()
	out, err := c.Kubectl(t.Context(), args...)
	if err != nil {
		pods, _ := c.Kubectl(t.Context(), "describe", "pods")
		t.Fatalf("%v\n%s", err, pods)
	}
	return out
}

// until waits for a condition, which says what it sees.
func until(t *testing.T, condition func() (bool, string)) {
	t.Helper()
	late := time.After(3 * time.Minute)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		ok, seen := condition()
		if ok {
			return
		}
		select {
		case <-late:
			t.Fatal(seen)
		case <-look.C:
		}
	}
}

// noneLeft checks that no process, mount, interface or cgroup of a cluster with a node is left, but for those that the kernel is
// just removing.
func noneLeft(t *testing.T, dir string) {
	t.Helper()
	kubelet, err := os.ReadFile(filepath.Join(dir, "nodes/node-1/etc/kubelet.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	bridge := regexp.MustCompile(`teamtask[0-9]+`).FindString(string(kubelet))
	until(t, func() (bool, string) {
		left := left(dir, bridge)
		return len(left) == 0, "left: " + strings.Join(left, ", ")
	})
}

func left(dir, bridge string) (left []string) {
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		command, _ := os.ReadFile(p + "/cmdline")
		cgroup, _ := os.ReadFile(p + "/cgroup")
		if strings.Contains(string(command), dir) || strings.Contains(string(cgroup), "/"+bridge+"-") {
			left = append(left, "process "+strings.ReplaceAll(string(command), "\x00", " "))
		}
		if mounts, _ := os.ReadFile(p + "/mountinfo"); strings.Contains(string(mounts), dir) {
			left = append(left, "mount in "+p)
		}
	}
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		if i.Name == bridge || strings.HasPrefix(i.Name, bridge+"-") {
			left = append(left, "interface "+i.Name)
		}
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/", "/sys/fs/cgroup/"} { // version 1, version 2
		cgroups, _ := filepath.Glob(pattern + bridge + "-*")
		left = append(left, cgroups...)
	}
	return left
}
