package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/netnstest"
)

// A node is the program on a machine of its own.
type node struct {
	machine        *netnstest.Machine
	name, dir, bin string
	client         *client.Client
	inside         *http.Client // asks from the machine

	process *exec.Cmd
	ended   chan struct{} // closed when the process has
}

func newNode(m *netnstest.Machine, dir, bin string) *node {
	n := &node{machine: m, name: fmt.Sprintf("%s-%d", m.Name, os.Getpid()), dir: filepath.Join(dir, m.Name), bin: bin}
	n.client = client.Local(n.run())
	n.inside = within(m, nil)
	return n
}

func (n *node) data() string { return filepath.Join(n.dir, "data") }
func (n *node) run() string  { return filepath.Join(n.dir, "run") }
func (n *node) log() string  { return n.dir + ".log" }

// start starts the node's process. It stays away from the terminal, so that Ctrl-C is for us to answer.
func (n *node) start(flags ...string) error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c := n.machine.Command(filepath.Join(n.bin, "ozymandias"), append([]string{"node", "--name", n.name, "--address", n.machine.Address.String(),
		"--data-dir", n.data(), "--run-dir", n.run(), "--memory", "4G", "--disk", "1G", "--cpus", "64"}, flags...)...)
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", n.name, err)
	}
	n.process, n.ended = c, make(chan struct{})
	go func(ended chan struct{}) {
		defer close(ended)
		_ = c.Wait() // that it has ended early is found out by asking it
	}(n.ended)
	return nil
}

// stop ends the process by a signal, and waits until it has ended.
func (n *node) stop(signal syscall.Signal) error {
	if n.process == nil {
		return nil
	}
	_ = n.process.Process.Signal(signal) // it may have ended by itself
	select {
	case <-n.ended:
		n.process = nil
		return nil
	case <-time.After(patience):
		_ = n.process.Process.Kill()
		return fmt.Errorf("%s does not end by %s", n.name, signal)
	}
}

// unplug takes the machine off the network and ends all that runs on it, as if its power was cut.
func (n *node) unplug() error {
	if err := n.machine.Lose(netnstest.Both); err != nil {
		return err
	}
	err := n.stop(syscall.SIGKILL)
	group, found := cgroup.Find("ozymandias/" + n.name)
	if found == nil {
		found = group.Kill()
	}
	pids, listed := n.machine.Processes()
	for _, pid := range pids {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return errors.Join(err, found, listed)
}

// ready waits until the node is one of the cluster's.
func (n *node) ready(ctx context.Context) error {
	return until(ctx, n.name+" is ready", func(ctx context.Context) error {
		this, err := n.client.Node(ctx, n.name)
		if err == nil && this.Phase != v1.Ready {
			err = fmt.Errorf("it is %s: %s", this.Phase, this.Message)
		}
		return err
	})
}

// reset removes what the node leaves on the machine.
func (n *node) reset() error {
	if err := n.machine.Lose(netnstest.Nothing); err != nil {
		return err
	}
	n.client.Close()
	n.inside.CloseIdleConnections()
	// What podman was about to do when it was ended may take it longer than a reset waits.
	var err error
	for range 3 {
		var out []byte
		c := n.machine.Command(filepath.Join(n.bin, "ozymandias"), "reset", "--yes", "--name", n.name, "--data-dir", n.data(), "--run-dir", n.run())
		if out, err = c.CombinedOutput(); err == nil {
			return nil
		}
		err = fmt.Errorf("reset %s: %w: %s", n.name, err, out)
	}
	return err
}

// within is an HTTP client that asks from a machine, over TLS as configured; nil: as by default.
func within(m *netnstest.Machine, shown *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, TLSClientConfig: shown, DialContext: func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		// A socket is of the network in which its thread is when it is made. A thread that does not get back ends with its goroutine.
		runtime.LockOSThread()
		own, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return nil, err
		}
		defer own.Close()
		other, err := os.Open(filepath.Join("/run/netns", m.Namespace))
		if err != nil {
			return nil, err
		}
		defer other.Close()
		if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
			return nil, err
		}
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		if unix.Setns(int(own.Fd()), unix.CLONE_NEWNET) == nil {
			runtime.UnlockOSThread()
		}
		return conn, err
	}}}
}
