package job

import (
	"cmp"
	"slices"
)

// Needs is what one instance takes of its node.
type Needs struct {
	Memory Size `json:"memory"`
	CPUs   CPUs `json:"cpus"`
	// Local is the space of its local volumes.
	Local Size `json:"local"`
	// Shared is the space of the job's shared volumes, which all its instances have together: it is taken once, not once for each.
	Shared Size `json:"shared"`
}

// Needs sums up the containers of one instance of a valid job. Volumes of one name count once.
func (j Job) Needs() Needs {
	var n Needs
	for _, c := range j.Containers {
		n.Memory += c.Memory
		n.CPUs += c.CPUs
	}
	for _, v := range j.Volumes() {
		if v.Type == Shared {
			n.Shared += v.Space
		} else {
			n.Local += v.Space
		}
	}
	return n
}

// Volumes are those of one instance of a valid job, by the names under which nodes keep them.
func (j Job) Volumes() map[string]Volume {
	var volumes map[string]Volume // most jobs have none, and this is asked of each instance, several times in a decision
	for name, c := range j.Containers {
		for _, v := range c.Volumes {
			if volumes == nil {
				volumes = map[string]Volume{}
			}
			volumes[v.KeptAs(name)] = v
		}
	}
	return volumes
}

// KeptAs is the name under which nodes keep a volume of a container: its own, or if it has none, as no other container has it, one of the
// container's and its path. No name that a person gives has a colon.
func (v Volume) KeptAs(container string) string {
	return cmp.Or(v.Name, container+":"+v.Path)
}

// Beyond tells whether some of it is more than of m.
func (n Needs) Beyond(m Needs) bool {
	return n.Memory > m.Memory || n.CPUs > m.CPUs || n.Local > m.Local || n.Shared > m.Shared
}

// Sticky tells whether instances run only where their volumes are.
func (j Job) Sticky() bool {
	for _, c := range j.Containers {
		if slices.ContainsFunc(c.Volumes, func(v Volume) bool { return v.Sticky }) {
			return true
		}
	}
	return false
}

// HostPorts lists the ports of the node that an instance takes, container by container in the order of their names.
func (j Job) HostPorts() []Port {
	var ports []Port
	for _, name := range j.names() {
		ports = append(ports, j.Containers[name].Ports...)
	}
	return ports
}
