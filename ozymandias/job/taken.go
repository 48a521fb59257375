package job

import (
	"fmt"
	"maps"
	"slices"
)

// LeavePorts leaves out the ports that the ingress listens on itself on every node, those of HTTP and HTTPS that are given and those
// of the job's own ingresses for TCP, where it leads to the same port of the same container: what was meant by them is done
// already, and published as well they would be in its way. It says in words what it left out.
func (j Job) LeavePorts(http []uint16) (Job, []string) {
	var said []string
	j.Containers = maps.Clone(j.Containers)
	for _, name := range j.names() {
		c := j.Containers[name]
		kept := make([]Port, 0, len(c.Ports))
		for at, p := range c.Ports {
			if !j.leads(name, p, http) {
				kept = append(kept, p)
				continue
			}
			said = append(said, fmt.Sprintf("containers.%s.ports[%d]: port %d is the ingress's on every node, and leads to %s already: it is left out here", name, at, p.Host, name))
		}
		if len(kept) < len(c.Ports) {
			c.Ports = kept
			j.Containers[name] = c
		}
	}
	return j, said
}

// leads tells whether an ingress leads from a port of the nodes to where it would lead if it were published.
func (j Job) leads(container string, p Port, http []uint16) bool {
	return p.Protocol == TCPProtocol && slices.ContainsFunc(j.Ingress, func(i Ingress) bool {
		here := i.Host != "" && slices.Contains(http, p.Host) || i.TCP == int(p.Host)
		return here && i.Container == container && i.Port == int(p.Container)
	})
}

// TakenByHTTP are the faults of what wants ports where the ingress itself listens for HTTP and HTTPS on every node: ingresses for
// connections, as none would ever come in, and published ports that [Job.LeavePorts] would not leave out.
func (j Job) TakenByHTTP(http []uint16) []Fault {
	var found faults
	for at, i := range j.Ingress {
		if i.TCP != 0 && slices.Contains(http, uint16(i.TCP)) {
			found.add(fmt.Sprintf("ingress[%d].tcp", at), "every node listens at port %d for HTTP itself: write host: and the name by which requests come in place of tcp, or another port", i.TCP)
		}
	}
	for _, name := range j.names() {
		for at, p := range j.Containers[name].Ports {
			if p.Protocol == TCPProtocol && slices.Contains(http, p.Host) && !j.leads(name, p, http) {
				found.add(fmt.Sprintf("containers.%s.ports[%d]", name, at), "port %d is the ingress's on every node: write another one, or an ingress that leads to port %d of %s", p.Host, p.Container, name)
			}
		}
	}
	return found
}
