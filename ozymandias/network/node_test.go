package network_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/ozymandias/network"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/podman/podmantest"
	"teamtask.dev/ozymandias/program"
)

// nodeOf makes the test's program a node's network, set up by the JSON of an outfit in it. It writes the JSON of its state when it has
// begun, and then an answer for each line that it reads, until there are no more. It is a process of its own because what a process
// starts is on the machine that it is on itself.
const nodeOf = "NETWORK_TEST_NODE_OF"

func TestMain(m *testing.M) {
	if told := os.Getenv(nodeOf); told != "" {
		if err := serve(told); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// outfit is what a node is given.
type outfit struct {
	Address netip.Addr
	Single  bool
	Etcd    program.Etcd
	Dir     string
	// Pods says that it has a podman, too, and a nameserver.
	Pods bool
}

// state is what a node has.
type state struct {
	Network    podman.Network
	Nameserver netip.Addr
	Podman     string // its socket
	Cgroup     string
}

const patience = 3 * time.Minute

func serve(told string) (err error) {
	var o outfit
	if err := json.Unmarshal([]byte(told), &o); err != nil {
		return err
	}
	options := network.Options{Address: o.Address, Single: o.Single, Etcd: o.Etcd, Dir: o.Dir, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	if !o.Single {
		info := transport.TLSInfo{CertFile: o.Etcd.Certificate, KeyFile: o.Etcd.Key, TrustedCAFile: o.Etcd.CA}
		secure, err := info.ClientConfig()
		if err != nil {
			return err
		}
		if options.Client, err = clientv3.New(clientv3.Config{Endpoints: o.Etcd.Endpoints, TLS: secure}); err != nil {
			return err
		}
		defer options.Client.Close()
	}
	n, err := network.Start(ctx, options)
	if err != nil {
		return err
	}
	defer n.Close()
	s := state{Network: n.Podman(), Nameserver: n.Nameserver()}
	if o.Pods {
		m, err := podmantest.Setup()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.Close()) }()
		if err := m.Client.EnsureNetwork(ctx, s.Network); err != nil {
			return err
		}
		defer func() {
			ctx, done := context.WithTimeout(context.Background(), patience)
			defer done()
			err = errors.Join(err, m.Client.RemovePod(ctx, "pod"), m.Client.RemoveNetwork(ctx, s.Network.Name))
		}()
		s.Podman, s.Cgroup = m.Service.Socket(), m.Cgroup
	}
	if o.Pods && !o.Single {
		var serving sync.WaitGroup
		defer serving.Wait()
		ctx, end := context.WithCancel(context.Background())
		defer end()
		serving.Go(func() {
			if err := names.Serve(ctx, names.Options{Listen: n.Nameserver(), Etcd: o.Etcd, Client: options.Client, Dir: filepath.Join(o.Dir, "names"), Log: options.Log}); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(s); err != nil {
		return err
	}
	for asked := bufio.NewScanner(os.Stdin); asked.Scan(); {
		answer := ""
		var err error
		switch asked.Text() {
		case "check":
			err = n.Check()
		case "reach":
			n.Reach(o.Etcd)
		case "remove":
			ctx, done := context.WithTimeout(context.Background(), patience)
			n.Close()
			err = network.Remove(ctx, options.Dir)
			done()
		}
		if err != nil {
			answer = err.Error()
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// A node is one that runs.
type node struct {
	state
	machine *netnstest.Machine
	process *exec.Cmd
	client  *podman.Client
	in      io.WriteCloser
	answers *json.Decoder
	log     bytes.Buffer
	ended   bool
}

// start starts a node on a machine. It ends with the test.
func start(t *testing.T, m *netnstest.Machine, o outfit) *node {
	t.Helper()
	o.Address = m.Address
	told, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{machine: m, process: m.Command(os.Args[0])}
	n.process.Env = append(os.Environ(), nodeOf+"="+string(told))
	n.process.Stderr = &n.log
	n.process.WaitDelay = patience // flannel has the same
	out, err := n.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if n.in, err = n.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.stop(t)
		if t.Failed() {
			t.Logf("%s said:\n%s", m.Name, &n.log)
		}
	})
	n.answers = json.NewDecoder(out)
	defer n.hurry().Stop()
	if err := n.answers.Decode(&n.state); err != nil {
		t.Fatalf("%s does not start: %v", m.Name, err)
	}
	n.client = podman.Connect(n.Podman)
	t.Cleanup(n.client.Close)
	return n
}

// hurry ends the process if it has taken longer than can be: it says where it stands.
func (n *node) hurry() *time.Timer {
	return time.AfterFunc(2*patience, func() { _ = n.process.Process.Signal(syscall.SIGQUIT) })
}

// stop ends the node in order.
func (n *node) stop(t *testing.T) {
	t.Helper()
	if n.ended {
		return
	}
	n.ended = true
	n.in.Close()
	defer n.hurry().Stop()
	if err := n.process.Wait(); err != nil {
		t.Errorf("%s: %v", n.machine.Name, err)
	}
}

// kill ends the node at once, and waits until flannel has ended, too.
func (n *node) kill(t *testing.T) {
	t.Helper()
	n.ended = true
	if err := n.process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = n.process.Wait()
	for ctx := patient(t); ; {
		left, err := n.machine.Processes()
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("processes %v outlive their node", left)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ask has the node do something; the answer is the error.
func (n *node) ask(t *testing.T, what string) (answer string) {
	t.Helper()
	if _, err := fmt.Fprintln(n.in, what); err != nil {
		t.Fatal(err)
	}
	defer n.hurry().Stop()
	if err := n.answers.Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// pod starts a pod on the node, whose container does as it is told, and returns its address.
func (n *node) pod(t *testing.T, command string) netip.Addr {
	t.Helper()
	ctx := patient(t)
	p := podman.Pod{Name: "pod", CgroupParent: n.Cgroup, Network: n.Network.Name, Nameservers: []netip.Addr{n.Nameserver}, Search: []string{names.Domain}}
	if err := n.client.CreatePod(ctx, p); err != nil {
		t.Fatal(err)
	}
	c := podman.Container{Name: "container", Pod: p.Name, Spec: job.Container{Image: podmantest.Image, Command: strings.Fields(command)}}
	if err := n.client.CreateContainer(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := n.client.Start(ctx, c.Name); err != nil {
		t.Fatal(err)
	}
	made, err := n.client.Pod(ctx, p.Name)
	if err != nil {
		t.Fatal(err)
	}
	address, err := n.client.Address(ctx, made, n.Network.Name)
	if err != nil || !n.Network.Subnet.Contains(address) {
		t.Fatalf("the pod has address %s, %v, in %s", address, err, n.Network.Subnet)
	}
	return address
}

// says waits until a command in the node's pod says that.
func (n *node) says(t *testing.T, command, want string) {
	t.Helper()
	ctx, last := patient(t), ""
	for ctx.Err() == nil {
		var out, fault bytes.Buffer
		code, err := n.client.Exec(ctx, "container", podman.Exec{Command: append([]string{"/guest"}, strings.Fields(command)...), Stdout: &out, Stderr: &fault})
		if err == nil && code == 0 && out.String() == want+"\n" {
			return
		}
		if ctx.Err() == nil {
			last = fmt.Sprintf("%q and %q (%d, %v)", &out, &fault, code, err)
		}
	}
	t.Fatalf("%s: %s says %s, want %q", n.machine.Name, command, last, want)
}

// patient is a context with the patience that a slow machine asks for.
func patient(t *testing.T) context.Context {
	t.Helper()
	ctx, done := context.WithTimeout(t.Context(), patience)
	t.Cleanup(done)
	return ctx
}
