package cluster

import (
	"context"
	"fmt"
	"slices"
	"syscall"
)

// Restart ends one of the control plane's programs as a crash does, starts it anew, and waits until the API server is ready.
func (c *Cluster) Restart(ctx context.Context, program string) error {
	i := slices.IndexFunc(c.processes, func(p *process) bool { return p.name == program })
	if i < 0 {
		return fmt.Errorf("restart %s: it is none of the control plane's programs", program)
	}
	old := c.processes[i]
	old.cmd.Process.Kill()
	<-old.done
	p, err := c.start(program, syscall.SysProcAttr{}, old.cmd.Args...)
	if err != nil {
		return err
	}
	c.processes[i] = p
	return c.waitReady(ctx)
}
