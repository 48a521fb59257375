package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/netnstest"
	"teamtask.dev/ozymandias/podman"
)

// A plain is podman as a person uses it, with the settings that a node has, on a machine of its own.
type plain struct {
	machine *netnstest.Machine
	options podman.Options
	inside  *http.Client
}

func newPlain(ctx context.Context, m *netnstest.Machine, dir, archive string) (*plain, error) {
	p := &plain{machine: m, options: podman.Options{Dir: dir, Run: filepath.Join(dir, "run")}, inside: within(m, nil)}
	service, err := podman.Start(ctx, p.options) // it writes the settings
	if err != nil {
		return nil, err
	}
	service.Close()
	return p, p.podman(ctx, "load", "--quiet", "--input", archive)
}

func (p *plain) podman(ctx context.Context, args ...string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o := p.options
	c := p.machine.Command("podman", append([]string{"--root", filepath.Join(o.Dir, "storage"), "--runroot", filepath.Join(o.Run, "storage"),
		"--tmpdir", filepath.Join(o.Run, "libpod"), "--network-config-dir", filepath.Join(o.Dir, "networks")}, args...)...)
	c.Env = append(os.Environ(), "CONTAINERS_CONF="+filepath.Join(o.Dir, "containers.conf"))
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("podman %s: %w: %s", args[0], err, out)
	}
	return nil
}

// up runs a container, by itself or in a pod as instances have one, and waits until it answers.
func (p *plain) up(ctx context.Context, number int, pod bool) error {
	name, address := fmt.Sprintf("plain-%d", number), fmt.Sprintf("10.88.1.%d", number%250+2)
	at := []string{"--ip", address}
	if pod {
		if err := p.podman(ctx, append([]string{"pod", "create", "--name", name + "-pod"}, at...)...); err != nil {
			return err
		}
		at = []string{"--pod", name + "-pod"}
	}
	if err := p.podman(ctx, append(append([]string{"run", "--detach", "--name", name, "--memory", "16m"}, at...), guest)...); err != nil {
		return err
	}
	return until(ctx, name+" answers", func(ctx context.Context) error {
		_, err := ask(ctx, p.inside, http.MethodGet, "http://"+address+":8080/healthcheck", "")
		return err
	})
}

// clear removes all containers and pods.
func (p *plain) clear(ctx context.Context) error {
	return errors.Join(p.podman(ctx, "rm", "--all", "--force", "--time", "0"), p.podman(ctx, "pod", "rm", "--all", "--force"))
}

func (p *plain) close() error {
	ctx, done := context.WithTimeout(context.Background(), patience)
	defer done()
	p.inside.CloseIdleConnections()
	err := p.podman(ctx, "system", "reset", "--force")
	// podman mounts its own directory on itself, and leaves it so.
	for _, below := range []string{"overlay", ""} {
		_ = unix.Unmount(filepath.Join(p.options.Dir, "storage", below), unix.MNT_DETACH)
	}
	return err
}
