package node

import (
	"context"
	"errors"
	"net/netip"

	"teamtask.dev/ozymandias/health"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// A probeKey is what makes a probe another one.
type probeKey struct {
	schedule.Instance
	epoch     int64
	container string
	started   int64
	address   string
}

// A verdict is what a probe has found.
type verdict struct {
	converge.Probe
	healthy bool
	message string
}

// probe begins the probes that are wanted, and ends those that are not any more.
func (l *loop) probe(lived context.Context) {
	wanted := map[probeKey]bool{}
	for _, p := range l.machine.Probes() {
		key := probeKey{p.Instance, p.Epoch, p.Container, p.Started.UnixNano(), p.Address}
		wanted[key] = true
		if l.probes[key] != nil {
			continue
		}
		ctx, end := context.WithCancel(lived)
		l.probes[key] = end
		target := l.target(p)
		l.by.Go(func() {
			defer end()
			health.Watch(ctx, *p.Check, target, func(v health.Verdict) {
				select {
				case l.verdicts <- verdict{p, v.Healthy, v.Message}:
				case <-ctx.Done():
				}
			})
		})
	}
	for key, end := range l.probes {
		if !wanted[key] {
			end()
			delete(l.probes, key)
		}
	}
}

// target is the container that a probe asks.
func (l *loop) target(p converge.Probe) health.Target {
	address, _ := netip.ParseAddr(p.Address) // without one nothing answers, which the probe says
	name := containerName(podName(p.Name, p.Instance.ID, p.Epoch), p.Container)
	return health.Target{Address: address, Well: p.Well, Exec: func(ctx context.Context, command []string) (int, string, error) {
		var output tail
		code, err := l.client.Exec(ctx, name, podman.Exec{Command: command, Stdout: &output, Stderr: &output})
		if errors.Is(err, podman.ErrNotBegun) {
			err = health.ErrNotBegun
		}
		return code, string(output), err
	}}
}

// A tail keeps the end of what is written to it: a check may say as much as it likes.
type tail []byte

const tailBytes = 4096

func (t *tail) Write(b []byte) (int, error) {
	*t = append(*t, b[max(0, len(b)-tailBytes):]...)
	*t = append((*t)[:0], (*t)[max(0, len(*t)-tailBytes):]...)
	return len(b), nil
}
