package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// missingTool is a command that is not there.
type missingTool struct{ command, debianPackage string }

func (m *missingTool) Error() string {
	return fmt.Sprintf("%s is missing: apt-get install %s (or run install.sh)", m.command, m.debianPackage)
}

// tool finds a command, by its path or on the PATH.
func tool(command, debianPackage string) (string, error) {
	path, err := exec.LookPath(command)
	if err != nil {
		return "", &missingTool{filepath.Base(command), debianPackage}
	}
	return path, nil
}

// ownGroup gives a command a process group of its own: it is ended by us, after those that use it, and not by Ctrl-C at the
// same time as all of them; and what it has started in turn ends with it.
func ownGroup(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	return cmd
}

func signalGroup(cmd *exec.Cmd, s syscall.Signal) error { return syscall.Kill(-cmd.Process.Pid, s) }

// output runs a command to its end and returns what it has printed. The context must be that of exec.CommandContext.
func output(cmd *exec.Cmd) ([]byte, error) {
	ownGroup(cmd)
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGINT) }
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}

// A daemon is a process that runs until it is stopped.
type daemon struct {
	cmd   *exec.Cmd
	log   bytes.Buffer // to be read once it has ended
	ended chan struct{}
}

func startDaemon(cmd *exec.Cmd) (*daemon, error) {
	s := &daemon{cmd: ownGroup(cmd), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", filepath.Base(cmd.Path), err)
	}
	go func() {
		defer close(s.ended)
		cmd.Wait()
	}()
	return s, nil
}

// ready waits until ping succeeds.
func (s *daemon) ready(ctx context.Context, ping func(context.Context) error) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w", filepath.Base(s.cmd.Path), err)
		case <-s.ended:
			return fmt.Errorf("%s has ended: %s", filepath.Base(s.cmd.Path), bytes.TrimSpace(s.log.Bytes()))
		}
	}
}

// stop ends it in an orderly way if it can be had within 10 seconds.
func (s *daemon) stop() {
	signalGroup(s.cmd, syscall.SIGINT)
	select {
	case <-s.ended:
	case <-time.After(10 * time.Second):
		signalGroup(s.cmd, syscall.SIGKILL)
		<-s.ended
	}
}
