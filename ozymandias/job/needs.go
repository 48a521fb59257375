package job

import "slices"

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
	counted := map[string]bool{}
	for _, c := range j.Containers {
		n.Memory += c.Memory
		n.CPUs += c.CPUs
		for _, v := range c.Volumes {
			if v.Name != "" && counted[v.Name] {
				continue
			}
			counted[v.Name] = true
			if v.Type == Shared {
				n.Shared += v.Space
			} else {
				n.Local += v.Space
			}
		}
	}
	return n
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
