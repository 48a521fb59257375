package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Cluster is a running Kubernetes.
type Cluster struct {
	Dir        string // its data, logs and credentials
	Host       string // address of this machine, for the cluster: 127.0.0.1 if there can be no nodes
	URL        string // of the API server
	Kubeconfig string // of an administrator
	Programs   string // directory with kubectl and the others
	Nodes      []*Node

	authority *authority
	network   *network // nil if there can be no nodes
	processes []*process
	images    []string // archives that every node is given
	progress  func(step string)
}

// Options say what to start.
type Options struct {
	Dir      string            // where data, logs and credentials go; it is made if it is not there
	Nodes    int               // how many nodes to start with; 0 is a control plane alone, to which no node can be added
	Port     int               // of the API server; 0 is any that is free
	Progress func(step string) // if set, is told what is being done
}

// services is where Services have their addresses, in every cluster; firstService is the API server's.
const services, firstService = "10.96.0.0/16", "10.96.0.1"

// patience is how long a part of a cluster may take to be ready: seconds on a quiet machine, far more on a busy one.
const patience = 3 * time.Minute

// Start starts a control plane alone whose data is in a directory, and waits until it is ready. Stop it.
func Start(ctx context.Context, dir string) (*Cluster, error) {
	return Options{Dir: dir}.Start(ctx)
}

// Start starts a cluster, and waits until it is ready. Stop it.
func (o Options) Start(ctx context.Context) (_ *Cluster, err error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, Host: "127.0.0.1", progress: o.Progress}
	if c.progress == nil {
		c.progress = func(string) {}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if o.Nodes > 0 {
		if err := prepareNodes(ctx, c.progress); err != nil {
			return nil, err
		}
	}
	c.progress("building what is missing")
	if c.Programs, err = Build(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(c.path("logs"), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(c.path("cluster.json")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err // of an earlier one
	}
	if o.Nodes > 0 {
		if c.network, err = newNetwork(ctx); err != nil {
			return nil, err
		}
		c.Host = c.network.host()
		if err := c.buildPause(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.startControlPlane(ctx, o.Port); err != nil {
		return nil, err
	}
	for i := range o.Nodes {
		if _, err := c.AddNode(ctx, fmt.Sprintf("node-%d", i+1)); err != nil {
			return nil, err
		}
	}
	return c, c.record()
}

func (c *Cluster) startControlPlane(ctx context.Context, port int) error {
	c.progress("starting the control plane")
	ports, err := FreePorts(3)
	if err != nil {
		return err
	}
	if port == 0 {
		port = ports[0]
	}
	c.URL = fmt.Sprintf("https://%s:%d", c.Host, port)
	if err := c.credentials(); err != nil {
		return err
	}
	etcd, peers := fmt.Sprintf("http://127.0.0.1:%d", ports[1]), fmt.Sprintf("http://127.0.0.1:%d", ports[2])
	if err := c.startProgram("etcd", "--data-dir", c.path("etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peers,
		"--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers, "--unsafe-no-fsync", "--log-level", "warn"); err != nil {
		return err
	}
	certs := func(name string) string { return c.path("certs", name) }
	if err := c.startProgram("kube-apiserver", "--etcd-servers", etcd, "--secure-port", fmt.Sprint(port), "--bind-address", c.Host, "--advertise-address", c.Host,
		"--tls-cert-file", certs("apiserver.crt"), "--tls-private-key-file", certs("apiserver.key"), "--client-ca-file", certs("ca.crt"),
		"--authorization-mode", "Node,RBAC", "--enable-admission-plugins", "NodeRestriction",
		"--kubelet-client-certificate", certs("kubelet-client.crt"), "--kubelet-client-key", certs("kubelet-client.key"),
		"--kubelet-certificate-authority", certs("ca.crt"), "--kubelet-preferred-address-types", "InternalIP",
		// Webhooks are called at their pods' addresses, as this machine has no kube-proxy.
		"--enable-aggregator-routing",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-signing-key-file", certs("accounts.key"),
		"--service-account-key-file", certs("accounts.crt"), "--service-cluster-ip-range", services); err != nil {
		return err
	}
	if err := c.waitReady(ctx); err != nil {
		return err
	}
	for name, args := range map[string][]string{
		"kube-controller-manager": {"--use-service-account-credentials", "--service-account-private-key-file", certs("accounts.key"), "--root-ca-file", certs("ca.crt")},
		"kube-scheduler":          nil,
	} {
		kubeconfig, err := c.KubeconfigFor("system:" + name)
		if err != nil {
			return err
		}
		if err := c.startProgram(name, append(args, "--kubeconfig", kubeconfig, "--leader-elect=false", "--secure-port", "0")...); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) startProgram(name string, args ...string) error {
	p, err := c.start(name, syscall.SysProcAttr{}, append([]string{filepath.Join(c.Programs, name)}, args...)...)
	if err == nil {
		c.processes = append(c.processes, p)
	}
	return err
}

// Stop ends all processes, and removes what nodes left on this machine. The data stays.
func (c *Cluster) Stop() error {
	var errs []error
	for len(c.Nodes) > 0 {
		errs = append(errs, c.Nodes[len(c.Nodes)-1].Stop())
	}
	for i := len(c.processes) - 1; i >= 0; i-- {
		c.processes[i].stop()
	}
	c.processes = nil
	if c.network != nil {
		errs = append(errs, c.network.remove())
		c.network = nil
	}
	return errors.Join(errs...)
}

// waitReady waits for the API server, or for a process that has ended too early.
func (c *Cluster) waitReady(ctx context.Context) error {
	client := c.httpClient()
	defer client.CloseIdleConnections()
	err := c.wait(ctx, func() bool {
		resp, err := client.Get(c.URL + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}, c.processes)
	if err != nil {
		err = fmt.Errorf("the API server does not get ready: %w: %s", err, lastLines(c.path("logs", "kube-apiserver.log")))
	}
	return err
}

// wait waits for a condition as long as these processes run.
func (c *Cluster) wait(ctx context.Context, condition func() bool, processes []*process) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for !condition() {
		if err := ended(processes); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
	return nil
}

// FreePorts are ports that nobody listens on just now, and that no other call returns while this process lives: minutes may pass until
// a program listens. They are below those that the kernel gives to whoever asks for any (Linux: from 32768 on), so nobody is given one
// before that, or while it is started anew.
func FreePorts(n int) (ports []int, err error) {
	const lowest, end = 16_000, 30_000
	for range 100 {
		port := lowest + rand.IntN(end-lowest)
		reserved, err := net.Listen("unix", fmt.Sprintf("@teamtask-port-%d", port)) // a name of no file: it goes with the process
		if err != nil {
			continue
		}
		reservations.Store(port, reserved)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		l.Close()
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("find %d free ports from %d to %d: nearly all are in use", n, lowest, end-1)
}

// reservations has a listener for each port that was reserved: one that nobody refers to would be closed.
var reservations sync.Map
