package podman

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"
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

// Service is podman's service as a child of this process: it is started anew when it ends, until the Service is closed. It ends with
// this process, too, however that ends; containers go on.
type Service struct {
	socket string
	stop   context.CancelFunc
	over   chan struct{}
}

// lasted is how long a service must have run for the next to be started at once.
const lasted = 5 * time.Second

// Start starts a service and waits until it answers. ctx bounds the wait only.
func Start(ctx context.Context, o Options) (*Service, error) {
	needed, err := find(ctx)
	if err != nil {
		return nil, err
	}
	socket := filepath.Join(o.Run, "podman.sock")
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
	command := func() *exec.Cmd {
		c := exec.Command(needed.podman, "--root", filepath.Join(o.Dir, "storage"), "--runroot", filepath.Join(o.Run, "storage"),
			"--tmpdir", filepath.Join(o.Run, "libpod"), "--network-config-dir", filepath.Join(o.Dir, "networks"),
			"system", "service", "--time", "0", "unix://"+socket)
		c.Env = append(os.Environ(), "CONTAINERS_CONF="+config)
		c.Stdout, c.Stderr = o.Output, o.Output
		// Of its own session, so that what a terminal sends does not reach it: nodes end in order.
		c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGTERM}
		return c
	}
	// What an earlier process left there answers nobody.
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("clear podman's socket: %w", err)
	}
	lives, stop := context.WithCancel(context.Background())
	s := &Service{socket: socket, stop: stop, over: make(chan struct{})}
	failed := make(chan error, 1)
	go s.keep(lives, command, failed)
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

// keep runs the command again and again until ctx ends. It tells failed of the first end that nobody asked for.
func (s *Service) keep(ctx context.Context, command func() *exec.Cmd, failed chan<- error) {
	// The signal that a child gets with its parent's death comes with the end of the thread that started it (prctl(2)); so that
	// thread has to last. It is not unlocked: it ends with this function.
	runtime.LockOSThread()
	defer close(s.over)
	for ctx.Err() == nil {
		began := time.Now()
		err := once(ctx, command())
		if ctx.Err() != nil {
			return
		}
		select {
		case failed <- fmt.Errorf("podman's service ended: %w", err):
		default:
		}
		if time.Since(began) < lasted {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// once runs the command until it ends, or ctx does: then it asks it to end, and kills it if it does not.
func once(ctx context.Context, c *exec.Cmd) error {
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan struct{})
	asked := context.AfterFunc(ctx, func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = c.Process.Kill()
		}
	})
	err := c.Wait()
	close(ended)
	asked()
	if err == nil {
		err = errors.New("without an error")
	}
	return err
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
