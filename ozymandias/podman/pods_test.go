package podman_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/cgroup"
	"teamtask.dev/ozymandias/cgroup/cgrouptest"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/test/address"
)

// A pod has an address in its network, which the node reaches, and its containers reach each other on the loopback.
func TestPodNetwork(t *testing.T) {
	ctx := patient(t)
	host := netip.MustParseAddrPort(address.Free(t))
	p := pod(t, func(p *podman.Pod) {
		p.Nameservers, p.Search = []netip.Addr{machine.Network.Gateway}, []string{"ozymandias.internal"}
		p.Ports = []job.Port{{IP: host.Addr(), Host: host.Port(), Container: 80, Protocol: job.TCPProtocol}}
	})
	name := container(t, p, "serve 80 read /etc/resolv.conf read /etc/hostname print ready stay")
	start(t, name)
	says(t, name, "nameserver "+machine.Network.Gateway.String())
	says(t, name, "search ozymandias.internal")
	says(t, name, "web-1")
	state, err := machine.Client.Pod(ctx, p.Name)
	if err != nil {
		t.Fatal(err)
	}
	address, err := machine.Client.Address(ctx, state, machine.Network.Name)
	if err != nil || !machine.Network.Subnet.Contains(address) {
		t.Errorf("Address() = %v, %v, want one of %v", address, err, machine.Network.Subnet)
	}
	if namespace, err := machine.Client.Namespace(ctx, state); err != nil || namespace == "" {
		t.Errorf("Namespace() = %q, %v", namespace, err)
	}
	for _, at := range []string{address.String(), host.String()} {
		served(t, at)
	}
}

// served asks until there is an answer.
func served(t *testing.T, at string) {
	t.Helper()
	ctx := patient(t)
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			line, _ := bufio.NewReader(answer.Body).ReadString('\n')
			answer.Body.Close()
			if line != "served\n" {
				t.Errorf("%s answered %q", at, line)
			}
			return
		}
		if ctx.Err() != nil {
			t.Errorf("%s does not answer: %v", at, err)
			return
		}
	}
}

// Pods are found by their labels and names, with their containers but not podman's own.
func TestPods(t *testing.T) {
	ctx := patient(t)
	p := pod(t, func(p *podman.Pod) { p.Labels = map[string]string{"ozymandias.job": "web", "ozymandias.id": "3"} })
	pod(t, func(p *podman.Pod) { p.Labels = map[string]string{"ozymandias.job": "web", "ozymandias.id": "33"} })
	name := container(t, p, "stay")
	found, err := machine.Client.Pods(ctx, p.Labels)
	if err != nil || len(found) != 1 {
		t.Fatalf("Pods() = %+v, %v", found, err)
	}
	if f := found[0]; f.Name != p.Name || f.Status != "Created" || f.Labels["ozymandias.id"] != "3" || len(f.Containers) != 1 || f.Containers[0].Name != name {
		t.Errorf("it is %+v", f)
	}
	if found, err := machine.Client.Pods(ctx, map[string]string{"ozymandias.job": "web"}); err != nil || len(found) != 2 {
		t.Errorf("Pods() = %+v, %v", found, err)
	}
	start(t, name)
	if state, err := machine.Client.Pod(ctx, p.Name); err != nil || state.Status != "Running" || state.Containers[0].Status != "running" {
		t.Errorf("Pod() = %+v, %v", state, err)
	}
	if _, err := machine.Client.Pod(ctx, p.Name[:len(p.Name)-1]); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("part of a name: %v", err)
	}
	if err := machine.Client.CreatePod(ctx, p); !errors.Is(err, podman.ErrExists) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := machine.Client.RemovePod(ctx, "nothing"); err != nil {
		t.Errorf("remove what is not there: %v", err)
	}
}

// All that runs in a pod stands below the control group it was given, and can be ended by that: podman takes note.
func TestCgroup(t *testing.T) {
	ctx := patient(t)
	p := pod(t, func(p *podman.Pod) { p.CgroupParent = filepath.Join(machine.Cgroup, "n1", "stop"); p.CPUs = 1500 })
	name := container(t, p, "fork print forked deaf stay")
	start(t, name)
	says(t, name, "forked")
	group, err := cgroup.Find(p.CgroupParent)
	if err != nil {
		t.Fatal(err)
	}
	processes, err := group.Processes()
	if err != nil || len(processes) < 3 {
		t.Fatalf("Processes() = %v, %v; want the guest, its child and podman's own", processes, err)
	}
	if err := group.Kill(); err != nil {
		t.Fatal(err)
	}
	cgrouptest.Empty(t, group)
	if state := ended(t, name); state.ExitCode != 137 || state.OutOfMemory {
		t.Errorf("podman takes it to be %+v", state)
	}
	// The same pod can be used again, once podman knows that all of it has ended.
	for status := ""; status != "Exited"; {
		state, err := machine.Client.Pod(ctx, p.Name)
		if err != nil {
			t.Fatalf("the pod is %s: %v", status, err)
		}
		status = state.Status
	}
	if err := machine.Client.Start(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := machine.Client.RemovePod(ctx, p.Name); err != nil {
		t.Fatal(err)
	}
	if _, err := machine.Client.Pod(ctx, p.Name); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("it was removed: %v", err)
	}
	cgrouptest.Empty(t, group)
	if left, err := filepath.Glob(filepath.Join(cgrouptest.Root(t), p.CgroupParent, "*", "cgroup.procs")); err != nil {
		t.Error(err)
	} else {
		for _, file := range left {
			if b, err := os.ReadFile(file); err == nil && len(b) > 0 {
				t.Errorf("%s still has %s", file, b)
			}
		}
	}
}

// A service that is ended in the middle of making or removing a pod leaves one that has nothing in it. It has no address; it can be removed.
func TestHalfAPod(t *testing.T) {
	ctx := patient(t)
	name := fmt.Sprintf("half-%d", os.Getpid())
	service := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", machine.Options.Socket())
	}}}
	defer service.CloseIdleConnections()
	answer, err := service.Post("http://podman/v4.0.0/libpod/pods/create", "application/json", strings.NewReader(`{"name": "`+name+`", "no_infra": true}`))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	half, err := machine.Client.Pod(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	if address, err := machine.Client.Address(ctx, half, machine.Network.Name); err != nil || address.IsValid() {
		t.Errorf("Address() = %v, %v", address, err)
	}
	if err := machine.Client.RemovePod(ctx, name); err != nil {
		t.Error(err)
	}
	if _, err := machine.Client.Pod(ctx, name); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("when it is removed, Pod() = %v", err)
	}
}

// A service that is ended in the middle of removing a container may leave one in its books that has no files any more: it is not there, and can
// be removed with its pod.
func TestHalfRemoved(t *testing.T) {
	ctx, p := patient(t), pod(t)
	name := container(t, p, "stay")
	id := inspect(t, name).ID
	machine.Service.Close()
	list := filepath.Join(machine.Options.Dir, "storage", "overlay-containers", "containers.json")
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	var files []map[string]any
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	left := slices.DeleteFunc(slices.Clone(files), func(c map[string]any) bool { return c["id"] == id })
	if len(left) != len(files)-1 {
		t.Fatalf("container %s is not among %s", id, text)
	}
	if text, err = json.Marshal(left); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := machine.Restart(); err != nil {
		t.Fatal(err)
	}
	if there, err := machine.Client.Pod(ctx, p.Name); err != nil || len(there.Containers) != 1 {
		t.Fatalf("the pod is %+v, %v", there, err)
	}
	if _, err := machine.Client.Container(ctx, name); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("Container() = %v", err)
	}
	if err := machine.Client.RemovePod(ctx, p.Name); err != nil {
		t.Error(err)
	}
	if _, err := machine.Client.Pod(ctx, p.Name); !errors.Is(err, podman.ErrNotFound) {
		t.Errorf("when it is removed, Pod() = %v", err)
	}
}
