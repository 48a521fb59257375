package node

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/node/converge"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// make makes the pod of an instance with all of its containers, from whatever an earlier attempt has left.
func (l *loop) make(ctx, lived context.Context, a converge.Action, pod string) error {
	if err := l.ask(ctx, lived, func(asked context.Context) error { return l.client.RemovePod(asked, pod) }); err != nil {
		return err
	}
	if err := l.clearSecrets(pod); err != nil {
		return err
	}
	order, err := a.Spec.Order()
	if err != nil {
		return fmt.Errorf("order the containers: %w", err)
	}
	ports, err := l.publish(a.Spec)
	if err != nil {
		return err
	}
	containers := map[string]podman.Container{}
	for _, name := range order {
		if containers[name], err = l.container(ctx, a, pod, name); err != nil {
			return err
		}
	}
	m := mark{Instance: a.Instance, name: a.Name, epoch: a.Epoch, revision: a.Revision, incarnation: l.incarnation}
	made := podman.Pod{Name: pod, Hostname: hostname(a.Name, a.Instance.ID), Labels: m.labels(l.Name), CgroupParent: l.Cgroup + stopGroup,
		Network: l.Network.Name, Ports: ports, CPUs: a.Spec.Needs().CPUs}
	if a.Spec.OnPartition == job.Keep {
		made.CgroupParent = l.Cgroup + keepGroup
	}
	if l.Nameserver.IsValid() {
		made.Nameservers, made.Search = []netip.Addr{l.Nameserver}, []string{names.Domain}
	}
	if err := l.making.take(ctx); err != nil {
		return err
	}
	defer l.making.giveBack()
	if err := l.ask(ctx, lived, func(asked context.Context) error { return l.client.CreatePod(asked, made) }); err != nil {
		return err
	}
	for _, name := range order {
		err := l.ask(ctx, lived, func(asked context.Context) error {
			if err := l.client.CreateContainer(asked, containers[name]); err != nil {
				return err
			}
			return l.own(asked, pod, name)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// container is one of the instance's, with its image, volumes and secrets in place.
func (l *loop) container(ctx context.Context, a converge.Action, pod, name string) (c podman.Container, err error) {
	c = podman.Container{Name: containerName(pod, name), Pod: pod, Spec: a.Spec.Containers[name], Labels: map[string]string{labelContainer: name},
		Environment: map[string]string{"OZYMANDIAS_JOB": a.Name, "OZYMANDIAS_INSTANCE": a.Instance.ID, "OZYMANDIAS_NODE": l.Name,
			"OZYMANDIAS_EPOCH": strconv.FormatInt(a.Epoch, 10)}}
	maps.Copy(c.Environment, worker(a, c.Spec))
	if l.Images != nil {
		if c.Spec.Image, err = l.Images.Ensure(ctx, c.Spec.Image, func(text string) { l.note(ctx, a.Instance, text) }); err != nil {
			return c, err
		}
	}
	for _, v := range c.Spec.Volumes {
		if l.Volumes == nil {
			return c, errors.New("this node has no volumes")
		}
		path, err := l.volume(ctx, a.Instance, volume(a, name, v))
		if err != nil {
			return c, err
		}
		c.Mounts = append(c.Mounts, podman.Mount{Source: path, Target: v.Path, ReadOnly: v.ReadOnly})
	}
	return c, l.secrets(ctx, a.Instance, pod, name, &c)
}

// volume is what the node keeps for a volume of an instance's container.
func volume(a converge.Action, container string, v job.Volume) schedule.Volume {
	kept := schedule.Volume{Instance: a.Instance, Name: v.KeptAs(container), Space: int64(v.Space), Epoch: a.Epoch}
	if v.Type == job.Shared {
		kept.ID = ""
	}
	return kept
}

// publish are the ports of the node that podman is to have lead to an instance: those that the node's ingress does not have.
func (n *Node) publish(spec *job.Job) (ports []job.Port, err error) {
	for name, c := range spec.Containers {
		for _, p := range c.Ports {
			if p.Protocol != job.TCPProtocol || !slices.Contains(n.Taken, p.Host) {
				ports = append(ports, p)
				continue
			}
			leads := func(in job.Ingress) bool { return in.Container == name && in.Port == int(p.Container) }
			if !slices.ContainsFunc(spec.Ingress, leads) {
				return nil, fmt.Errorf("port %d is the ingress's on every node: publish %s at another one, or write an ingress that leads to its port %d", p.Host, name, p.Container)
			}
		}
	}
	return ports, nil
}

// hostname is what an instance's containers take their machine's name for, of at most 63 bytes: gethostname(2).
func hostname(job, id string) string {
	name := job + "-" + id
	return strings.TrimRight(name[:min(len(name), 63)], "-.")
}
