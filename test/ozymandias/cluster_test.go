package ozymandias

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/ozymandias/podman"
)

// A cluster is three nodes, each with a member of etcd.
type cluster struct {
	*testing.T
	id      string
	dir     string // short: there are sockets in it
	logs    string
	nodes   []*node
	witness *witness
	jobs    []*wanted
}

// A node is the program, on a machine of its own.
type node struct {
	*cluster
	machine   *netnstest.Machine
	name, dir string
	client    *client.Client

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{} // closed when the process has
	down    bool          // it is not to run: else it is started again when it ends, as systemd does
}

// smallDisk is the size of the disk of the last node.
const smallDisk = 1 << 30

// newCluster starts three nodes.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{T: t, id: rand.Text(), logs: t.ArtifactDir()}
	network := netnstest.New(t, 3)
	dir, err := os.MkdirTemp("/tmp", "ozf")
	if err != nil {
		t.Fatal(err)
	}
	c.dir = dir
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(c.empty)
	c.witness = watch(t, c.id, "kept")
	for _, m := range network.Machines {
		n := &node{cluster: c, machine: m, name: m.Namespace, dir: filepath.Join(dir, m.Name)}
		n.client = client.Local(n.run())
		c.nodes = append(c.nodes, n)
		t.Cleanup(n.client.Close)
		if err := os.MkdirAll(n.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if m == network.Machines[len(network.Machines)-1] {
			n.mountDisk()
		}
	}
	t.Cleanup(c.reset)
	first := c.nodes[0]
	first.start()
	token := ""
	c.until("the first node answers", func() (err error) {
		token, err = first.client.JoinToken(c.patient())
		return err
	})
	for _, n := range c.nodes[1:] {
		n.start("--join", first.machine.Address.String(), "--token", strings.TrimSpace(token))
	}
	for _, n := range c.nodes {
		n.await()
	}
	archive, err := os.Open(filepath.Join(bin, "guest.tar"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	if _, err := first.client.LoadImages(c.patient(), archive); err != nil {
		t.Fatal(err)
	}
	return c
}

// patient is a context that ends when it is certain that something does not work.
func (c *cluster) patient() context.Context {
	ctx, stop := context.WithTimeout(context.Background(), patience)
	c.Cleanup(stop)
	return ctx
}

// until repeats something until it succeeds.
func (c *cluster) until(what string, try func() error) {
	c.Helper()
	c.witness.until(what, func([]process) string {
		if err := try(); err != nil {
			return err.Error()
		}
		return ""
	})
}

func (n *node) data() string { return filepath.Join(n.dir, "data") }
func (n *node) run() string  { return filepath.Join(n.dir, "run") }

// mountDisk gives the node a small disk of its own.
func (n *node) mountDisk() {
	n.Helper()
	file := n.dir + ".disk"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		n.Fatal(err)
	}
	if err := os.Truncate(file, smallDisk); err != nil {
		n.Fatal(err)
	}
	for _, args := range [][]string{{"mkfs.ext4", "-q", "-m", "0", file}, {"mount", "-o", "loop", file, n.dir}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			n.Fatalf("%s: %v: %s", args[0], err, out)
		}
	}
	n.Cleanup(func() {
		if err := unix.Unmount(n.dir, 0); err != nil {
			n.Errorf("unmount the disk of %s: %v", n.name, err)
		}
	})
}

// start starts the node's process, which is started again whenever it ends by itself.
func (n *node) start(flags ...string) {
	n.Helper()
	n.mu.Lock()
	n.down = false
	err := n.spawn(flags)
	n.mu.Unlock()
	if err != nil {
		n.Fatal(err)
	}
}

// spawn starts the process. It is called under the lock.
func (n *node) spawn(flags []string) error {
	log, err := os.OpenFile(filepath.Join(n.logs, n.machine.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	process := n.machine.Command(filepath.Join(bin, "ozymandias"), append([]string{"node", "--name", n.name, "--address", n.machine.Address.String(),
		"--data-dir", n.data(), "--run-dir", n.run(), "--memory", "1G", "--disk", "200M", "--cpus", "4", "--keep-volumes", "0"}, flags...)...)
	process.Stdout, process.Stderr = log, log
	process.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	if err := process.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	n.process, n.ended = process, ended
	go func() {
		err := process.Wait()
		n.mu.Lock()
		defer n.mu.Unlock()
		close(ended)
		if n.down {
			return
		}
		n.Logf("the process of %s ends: %v", n.name, err)
		time.AfterFunc(time.Second, func() {
			n.mu.Lock()
			defer n.mu.Unlock()
			if n.down || n.process != process {
				return
			}
			if err := n.spawn(flags); err != nil {
				n.Error(err)
			}
		})
	}()
	return nil
}

// stop ends the process by a signal.
func (n *node) stop(signal syscall.Signal) {
	n.Helper()
	n.mu.Lock()
	n.down = true
	process, ended := n.process, n.ended
	n.mu.Unlock()
	if process == nil {
		return
	}
	_ = process.Process.Signal(signal) // it may have ended by itself
	select {
	case <-ended:
	case <-time.After(patience):
		n.Errorf("the process of %s does not end by %s", n.name, signal)
		_ = process.Process.Signal(syscall.SIGQUIT) // it says in its log where it stands
		select {
		case <-ended:
		case <-time.After(patience):
			n.Errorf("the process of %s does not even end by SIGQUIT", n.name)
		}
	}
}

// send sends the process a signal that does not end it.
func (n *node) send(signal syscall.Signal) {
	n.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.process.Process.Signal(signal); err != nil {
		n.Errorf("send %s to %s: %v", signal, n.name, err)
	}
}

// await waits until the node answers, and is one of the cluster's.
func (n *node) await() {
	n.Helper()
	n.until(n.name+" is there", func() error {
		this, err := n.sees(n)
		if err == nil && this.Phase != v1.Ready {
			err = fmt.Errorf("%s is %s: %s", n.name, this.Phase, this.Message)
		}
		return err
	})
}

// sees asks a node what another is like, or itself.
func (n *node) sees(other *node) (v1.Node, error) {
	ctx, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	return n.client.Node(ctx, other.name)
}

// beside are the node's programs that have a text in their command line.
func (n *node) beside(text string) []int {
	n.Helper()
	lines, err := programs(text)
	if err != nil {
		n.Fatal(err)
	}
	return slices.Collect(maps.Keys(lines))
}

func (n *node) watchdogs() []int { return n.beside(filepath.Join(n.run(), "watchdog.sock")) }

// podman is where the node's podman is.
func (n *node) podman() podman.Options {
	return podman.Options{Dir: filepath.Join(n.data(), "podman"), Run: filepath.Join(n.run(), "podman")}
}

// glimpse is how long it may take to answer, before it is asked again: what an address led to may be gone without a word.
const glimpse = 3 * time.Second

// ask asks the node's ingress for a host.
func (n *node) ask(host string) (status int, err error) {
	ctx, done := context.WithTimeout(context.Background(), glimpse)
	defer done()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+n.machine.Address.String()+"/", nil)
	if err != nil {
		return 0, err
	}
	r.Host = host
	r.Close = true
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	answer.Body.Close()
	return answer.StatusCode, nil
}

// reset ends all nodes, and removes what they leave.
func (c *cluster) reset() {
	var all sync.WaitGroup
	for _, n := range c.nodes {
		all.Go(n.reset)
	}
	all.Wait()
}

// reset ends the node as a person does, and removes what it leaves.
func (n *node) reset() {
	n.mu.Lock()
	process := n.process
	n.mu.Unlock()
	if process == nil {
		return
	}
	if err := n.machine.Lose(netnstest.Nothing); err != nil {
		n.Error(err)
	}
	_ = process.Process.Signal(syscall.SIGCONT)
	n.stop(syscall.SIGINT)
	if n.Failed() {
		n.tail()
	}
	if out, err := reset(n.machine, n.name, n.data(), n.run()); err != nil {
		n.Errorf("reset %s: %v: %s", n.name, err, out)
	}
	if left, err := programs(n.data() + "/podman/"); err != nil || len(left) > 0 {
		n.Errorf("after the reset of %s there are %v, %v", n.name, left, err)
	}
}

// reset removes what a node leaves on its machine.
func reset(m *netnstest.Machine, name, data, run string) ([]byte, error) {
	c := m.Command("timeout", fmt.Sprint(patience.Seconds()), filepath.Join(bin, "ozymandias"), "reset", "--yes", "--name", name, "--data-dir", data, "--run-dir", run)
	c.WaitDelay = time.Second // what it has started may have the same output
	return c.CombinedOutput()
}

// tail prints the end of the node's log.
func (n *node) tail() {
	log := n.logged()
	const most = 16 << 10
	n.Logf("the log of %s ends:\n%s", n.name, log[max(0, len(log)-most):])
}

// logged is all that the node has logged.
func (n *node) logged() string {
	n.Helper()
	log, err := os.ReadFile(filepath.Join(n.logs, n.machine.Name+".log"))
	if err != nil {
		n.Fatal(err)
	}
	return string(log)
}
