package cluster

import (
	"context"
	"fmt"
	"slices"
	"syscall"
)

// Crash ends one of the control plane's programs as a crash does. What it returns starts the program anew, and waits until the API
// server is ready.
func (c *Cluster) Crash(program string) (restart func(context.Context) error, err error) {
	i := slices.IndexFunc(c.processes, func(p *process) bool { return p.name == program })
	if i < 0 {
		return nil, fmt.Errorf("crash %s: it is none of the control plane's programs", program)
	}
	old := c.processes[i]
	old.cmd.Process.Kill()
	<-old.done
	return func(ctx context.Context) error {
		p, err := c.start(program, syscall.SysProcAttr{}, old.cmd.Args...)
		if err != nil {
			return err
		}
		c.processes[i] = p
		return c.waitReady(ctx)
	}, nil
}

// Restart has one of the control plane's programs crash, and starts it anew at once.
func (c *Cluster) Restart(ctx context.Context, program string) error {
	restart, err := c.Crash(program)
	if err != nil {
		return err
	}
	return restart(ctx)
}
