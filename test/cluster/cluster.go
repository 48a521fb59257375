package cluster

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Cluster is a running control plane.
type Cluster struct {
	Dir        string // its data, logs and credentials
	URL        string // of the API server
	Kubeconfig string // of an administrator

	bin       string
	processes []*process
}

// process is one of the cluster's programs.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // file
	done chan struct{}
}

// ready is how long the API server may take to be ready.
const ready = 60 * time.Second

// Start starts a control plane whose data is in a directory, and waits until it is ready. Stop it.
func Start(ctx context.Context, dir string) (_ *Cluster, err error) {
	bin, err := Build(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir, bin: bin, Kubeconfig: filepath.Join(dir, "admin.kubeconfig")}
	defer func() {
		if err != nil {
			c.Stop()
		}
	}()
	ports, err := freePorts(3)
	if err != nil {
		return nil, err
	}
	c.URL = fmt.Sprintf("https://127.0.0.1:%d", ports[0])
	if err := c.credentials(); err != nil {
		return nil, err
	}
	etcd, peers := fmt.Sprintf("http://127.0.0.1:%d", ports[1]), fmt.Sprintf("http://127.0.0.1:%d", ports[2])
	if err := c.start("etcd", "--data-dir", c.path("etcd"), "--listen-client-urls", etcd, "--advertise-client-urls", etcd, "--listen-peer-urls", peers,
		"--initial-advertise-peer-urls", peers, "--initial-cluster", "default="+peers, "--unsafe-no-fsync", "--log-level", "warn"); err != nil {
		return nil, err
	}
	if err := c.start("kube-apiserver", "--etcd-servers", etcd, "--secure-port", fmt.Sprint(ports[0]), "--bind-address", "127.0.0.1",
		"--cert-dir", c.path("certs"), "--token-auth-file", c.path("tokens.csv"), "--authorization-mode", "Node,RBAC",
		"--service-account-issuer", "https://kubernetes.default.svc", "--service-account-signing-key-file", c.path("accounts.key"),
		"--service-account-key-file", c.path("accounts.key"), "--service-cluster-ip-range", "10.96.0.0/16"); err != nil {
		return nil, err
	}
	if err := c.waitReady(ctx); err != nil {
		return nil, err
	}
	if err := c.start("kube-controller-manager", "--kubeconfig", c.path("controller-manager.kubeconfig"), "--leader-elect=false", "--secure-port", "0",
		"--use-service-account-credentials", "--service-account-private-key-file", c.path("accounts.key"), "--root-ca-file", c.path("certs/apiserver.crt")); err != nil {
		return nil, err
	}
	return c, c.start("kube-scheduler", "--kubeconfig", c.path("scheduler.kubeconfig"), "--leader-elect=false", "--secure-port", "0")
}

// Stop ends all processes. The data stays.
func (c *Cluster) Stop() {
	for i := len(c.processes) - 1; i >= 0; i-- {
		p := c.processes[i]
		p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.done:
		case <-time.After(10 * time.Second):
			p.cmd.Process.Kill()
			<-p.done
		}
	}
	c.processes = nil
}

func (c *Cluster) path(name string) string { return filepath.Join(c.Dir, name) }

func (c *Cluster) start(name string, args ...string) error {
	p := &process{name: name, log: c.path(name + ".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(filepath.Join(c.bin, name), args...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait()
	}()
	c.processes = append(c.processes, p)
	return nil
}

// waitReady waits for the API server, or for a process that has ended too early.
func (c *Cluster) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ready)
	defer cancel()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		for _, p := range c.processes {
			select {
			case <-p.done:
				return fmt.Errorf("%s has ended: %s", p.name, lastLines(p.log))
			default:
			}
		}
		if client, err := c.httpClient(); err == nil {
			if resp, err := client.Get(c.URL + "/readyz"); err == nil {
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return nil
				}
			}
			client.CloseIdleConnections()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the API server does not get ready: %s", lastLines(c.path("kube-apiserver.log")))
		case <-look.C:
		}
	}
}

func lastLines(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// freePorts are ports that nobody listens on just now.
func freePorts(n int) (ports []int, err error) {
	var open []net.Listener
	defer func() {
		for _, l := range open {
			l.Close()
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		open = append(open, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// key makes the key that service accounts' tokens are signed with, unless there is one.
func key(file string) error {
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)}
	return os.WriteFile(file, pem.EncodeToMemory(block), 0o600)
}

// Kubectl runs kubectl as an administrator, and returns what it prints.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(c.bin, "kubectl"), append([]string{"--kubeconfig", c.Kubeconfig}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}
