package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is one of the cluster's programs.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string // file
	done chan struct{}
}

// start starts a program that ends when this process does, however that ends.
func (c *Cluster) start(name string, attr syscall.SysProcAttr, args ...string) (*process, error) {
	p := &process{name: name, log: c.path("logs", name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	attr.Pdeathsig, attr.Setpgid = syscall.SIGKILL, true
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr = log, log, &attr
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		defer close(p.done)
		p.cmd.Wait()
	}()
	return p, nil
}

// stop ends a process, by force if it takes long.
func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// ended is an error if any of the processes has ended.
func ended(processes []*process) error {
	for _, p := range processes {
		select {
		case <-p.done:
			return fmt.Errorf("%s has ended: %s", p.name, lastLines(p.log))
		default:
		}
	}
	return nil
}

// lastLines is the end of a log.
func lastLines(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

func (c *Cluster) path(names ...string) string {
	return filepath.Join(append([]string{c.Dir}, names...)...)
}
