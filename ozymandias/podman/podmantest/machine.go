// Package podmantest gives tests a podman of their own, apart from all others on the machine, and an image to run. It needs root.
package podmantest

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/ozymandias/podman"
)

// Image is the one there is: program guest, and nothing else.
const Image = "localhost/guest:1"

// patience is how long anything may take on a slow and busy machine.
const patience = 3 * time.Minute

// Machine is a podman with a network, a control group and an image.
type Machine struct {
	Options podman.Options
	Service *podman.Service
	Client  *podman.Client
	Network podman.Network
	// Cgroup is the group for pods, to be ended with the machine.
	Cgroup string

	dir string
}

// New sets a machine up for one test and takes it down with it. What is left behind is the test's fault.
func New(t *testing.T) *Machine {
	t.Helper()
	m, err := Setup()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// Main runs the tests of a package with one machine for all of them.
func Main(tests *testing.M, machine **Machine) {
	m, err := Setup()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	*machine = m
	code := tests.Run()
	if err := m.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var machines atomic.Int32

// Setup sets a machine up, for whoever calls [Machine.Close].
func Setup() (*Machine, error) {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	number := machines.Add(1)
	dir, err := os.MkdirTemp("", "oz") // short, for the socket's sake
	if err != nil {
		return nil, err
	}
	m := &Machine{
		Options: podman.Options{Dir: filepath.Join(dir, "lib"), Run: filepath.Join(dir, "run"), Output: &said{}},
		Cgroup:  fmt.Sprintf("ozymandias-podman-%d-%d", os.Getpid(), number),
		dir:     dir,
	}
	if err := m.start(ctx, number); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func (m *Machine) start(ctx context.Context, number int32) (err error) {
	if m.Service, err = podman.Start(ctx, m.Options); err != nil {
		return err
	}
	m.Client = m.Service.Client()
	files, err := guest(ctx, m.dir)
	if err != nil {
		return err
	}
	if _, err := m.Client.Import(ctx, Image, bytes.NewReader(files), `ENTRYPOINT ["/guest"]`); err != nil {
		return err
	}
	subnet, err := netnstest.FreeSubnet(netip.MustParsePrefix("10.224.0.0/12"))
	if err != nil {
		return err
	}
	// Its name is its own, too: podman's rules for the kernel's firewall go by it, and networks of one name would have theirs in common.
	name := fmt.Sprintf("pods-%d-%d", os.Getpid(), number)
	m.Network = podman.Network{Name: name, Interface: fmt.Sprintf("oz%d-%d", os.Getpid(), number), Subnet: subnet, Gateway: subnet.Addr().Next()}
	return m.Client.EnsureNetwork(ctx, m.Network)
}

// Restart ends the service and starts another in its place, as when a node is started anew.
func (m *Machine) Restart() error {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	m.Service.Close()
	service, err := podman.Start(ctx, m.Options)
	if err != nil {
		return err
	}
	m.Service = service
	return nil
}

// Said is what podman has said so far.
func (m *Machine) Said() string { return m.Options.Output.(*said).String() }

// guest is the image: an archive of one file.
func guest(ctx context.Context, dir string) ([]byte, error) {
	program := filepath.Join(dir, "guest")
	build := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", program, "teamtask.dev/ozymandias/podman/podmantest/guest")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the guest: %w: %s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Name: "guest", Mode: 0o755, Size: int64(len(content))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	return archive.Bytes(), w.Close()
}

// Close takes the machine down and looks that nothing of it is left: programs, mounts, interfaces, namespaces, control groups.
func (m *Machine) Close() error {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	var faults []error
	fault := func(err error) {
		if err != nil {
			faults = append(faults, err)
		}
	}
	var namespaces []string
	if m.Client != nil {
		pods, err := m.Client.Pods(ctx, nil)
		fault(err)
		for _, pod := range pods {
			namespace, err := m.Client.Namespace(ctx, pod)
			fault(err)
			if namespace != "" {
				namespaces = append(namespaces, namespace)
			}
			fault(m.Client.RemovePod(ctx, pod.Name))
		}
		fault(m.Client.RemoveNetwork(ctx, m.Network.Name))
		m.Client.Close()
	}
	if m.Service != nil {
		m.Service.Close()
	}
	fault(podman.Quiet(ctx, m.Options))
	for _, namespace := range namespaces {
		if _, err := os.Stat(namespace); !errors.Is(err, fs.ErrNotExist) {
			fault(fmt.Errorf("network namespace %s is left: %v", namespace, err))
		}
	}
	if _, err := net.InterfaceByName(m.Network.Interface); err == nil {
		fault(fmt.Errorf("interface %s is left", m.Network.Interface))
	}
	fault(m.unmount())
	fault(m.removeCgroups())
	fault(os.RemoveAll(m.dir))
	if len(faults) > 0 {
		faults = append(faults, fmt.Errorf("podman said:\n%s", m.Said()))
	}
	return errors.Join(faults...)
}
