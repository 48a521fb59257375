package podman

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"teamtask.dev/ozymandias/program"
)

// Options of a service.
type Options struct {
	// Dir is what podman keeps through a restart of the machine: images, containers, networks, its settings. Absolute.
	Dir string
	// Run is what it loses then: mounts, locks, events, its socket. Absolute, on a file system in memory, and short, since the name of
	// a socket has at most 107 bytes.
	Run string
	// Output gets what podman says; nil drops it.
	Output io.Writer
}

// Socket is where the service answers, once it is started.
func (o Options) Socket() string { return filepath.Join(o.Run, "podman.sock") }

// Service is podman's service as a child of this process: it is started anew when it ends, until the Service is closed. It ends with
// this process, too, however that ends; containers go on.
type Service struct {
	socket string
	stop   context.CancelFunc
	over   chan struct{}
}

// Start starts a service and waits until it answers. ctx bounds the wait only.
func Start(ctx context.Context, o Options) (*Service, error) {
	needed, err := find(ctx)
	if err != nil {
		return nil, err
	}
	socket := o.Socket()
	if len(socket) > 107 { // sockaddr_un, unix(7)
		return nil, fmt.Errorf("start podman: a socket cannot be named %s, which is longer than 107 bytes: choose a shorter directory", socket)
	}
	for _, dir := range []string{o.Dir, o.Run} {
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return nil, fmt.Errorf("start podman: %w", err)
		}
	}
	config := filepath.Join(o.Dir, "containers.conf")
	if err := os.WriteFile(config, settings(needed), 0o644); err != nil {
		return nil, fmt.Errorf("write podman's settings: %w", err)
	}
	// What an earlier process left there answers nobody.
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("clear podman's socket: %w", err)
	}
	lives, stop := context.WithCancel(context.Background())
	s := &Service{socket: socket, stop: stop, over: make(chan struct{})}
	failed := make(chan error, 1)
	service := program.Program{
		Path: needed.podman,
		Args: []string{"--root", filepath.Join(o.Dir, "storage"), "--runroot", filepath.Join(o.Run, "storage"),
			"--tmpdir", filepath.Join(o.Run, "libpod"), "--network-config-dir", filepath.Join(o.Dir, "networks"),
			"system", "service", "--time", "0", "unix://" + socket},
		Dir:    "/", // where we were started may be removed, and conmon ends where there is no directory
		Env:    []string{"CONTAINERS_CONF=" + config},
		Output: o.Output,
		Ended: func(err error) {
			select {
			case failed <- err:
			default:
			}
		},
	}
	go func() {
		defer close(s.over)
		program.Run(lives, service)
	}()
	if err := s.answers(ctx, failed); err != nil {
		s.Close()
		return nil, fmt.Errorf("start podman: %w", err)
	}
	return s, nil
}

// Client returns a client of the service, to be closed by the caller.
func (s *Service) Client() *Client { return Connect(s.socket) }

// Socket is where the service answers.
func (s *Service) Socket() string { return s.socket }

// Close ends the service and waits until it has ended. Containers go on.
func (s *Service) Close() {
	s.stop()
	<-s.over
}

// answers waits until the service does, or has ended.
func (s *Service) answers(ctx context.Context, failed <-chan error) error {
	client := s.Client()
	defer client.Close()
	for {
		err := client.Ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it has not answered in time: %w", err)
		case err := <-failed:
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
