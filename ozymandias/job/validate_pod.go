package job

import (
	"fmt"
	"time"
)

const second = Duration(time.Second)

// validatePorts checks the ports of the node that the containers take: a pod has one set of them.
func (j Job) validatePorts(f *faults) {
	type taken struct {
		Port
		path string
	}
	var all []taken
	for _, name := range j.names() {
		ports := j.Containers[name].Ports
		if len(ports) > maxEach {
			f.add("containers."+name+".ports", "there are %d; at most %d", len(ports), maxEach)
		}
		for i, p := range ports {
			path := fmt.Sprintf("containers.%s.ports[%d]", name, i)
			if _, err := ParsePort(p.String()); err != nil || p.Protocol != TCPProtocol && p.Protocol != UDPProtocol {
				f.add(path, "%q is not a port: write HOST:CONTAINER, as in 80:3000 or 514:514/udp", p)
			}
			for _, other := range all {
				if p.Collides(other.Port) {
					f.add(path, "%q takes the same port of the node as %s: write another one", p, other.path)
					break
				}
			}
			all = append(all, taken{p, path})
		}
	}
}

// validateVolumes checks each volume, and that those of one name agree.
func (j Job) validateVolumes(f *faults) {
	type first struct {
		Volume
		path string
	}
	named := map[string]first{}
	for _, name := range j.names() {
		volumes := j.Containers[name].Volumes
		if len(volumes) > maxEach {
			f.add("containers."+name+".volumes", "there are %d; at most %d", len(volumes), maxEach)
		}
		for i, v := range volumes {
			path := fmt.Sprintf("containers.%s.volumes[%d]", name, i)
			v.validate(f, path)
			for k, other := range volumes[:i] {
				if v.Path == other.Path {
					f.add(path+".path", "%q is where volumes[%d] is: write another path", v.Path, k)
					break
				}
			}
			if v.Name == "" {
				continue
			}
			other, again := named[v.Name]
			switch {
			case !again:
				named[v.Name] = first{v, path}
			case v.Type != other.Type:
				f.add(path+".type", "is %s, but %s has the same name and is %s: make them the same, or name them differently", v.Type, other.path, other.Type)
			case v.Space != other.Space:
				f.add(path+".space", "is %s, but %s has the same name and %s: make them the same, or name them differently", v.Space, other.path, other.Space)
			}
		}
	}
}

func (v Volume) validate(f *faults, path string) {
	if v.Type != Shared && v.Type != Local {
		f.add(path+".type", "%s", quoted(string(v.Type), "is neither shared nor local"))
	}
	if v.Sticky && v.Type == Shared {
		f.add(path+".sticky", "is for local volumes: shared ones bind no single instance; remove it, or write type: local")
	}
	if why := badVolume(v.Name); v.Name != "" && why != "" {
		f.add(path+".name", "%s", why)
	}
	if why := badPath(v.Path); why != "" {
		f.add(path+".path", "%s", why)
	} else if v.Path == "/" {
		f.add(path+".path", `"/" would hide the image: write a directory below`)
	}
	switch {
	case v.Space == 0:
		f.add(path+".space", "is missing: write how much it may take, as in 10G")
	case v.Space < minSpace:
		f.add(path+".space", "is %s; at least %s", v.Space, minSpace)
	}
}

// validateTotals checks that one instance is not more than can be counted. Single values are checked first: a sum of many
// could overflow.
func (j Job) validateTotals(f *faults) {
	for _, name := range j.names() {
		c := j.Containers[name]
		if c.Memory > maxTotal {
			f.add("containers."+name+".memory", "is %s; at most %s", c.Memory, maxTotal)
			return
		}
		for i, v := range c.Volumes {
			if v.Space > maxTotal {
				f.add(fmt.Sprintf("containers.%s.volumes[%d].space", name, i), "is %s; at most %s", v.Space, maxTotal)
				return
			}
		}
	}
	if len(*f) > 0 {
		return // perhaps that there are too many to add up
	}
	n := j.Needs()
	for _, sum := range []struct {
		what string
		size Size
	}{{"memory", n.Memory}, {"local volumes", n.Local}, {"shared volumes", n.Shared}} {
		if sum.size > maxTotal {
			f.add("containers", "the %s of an instance sum up to %s; at most %s", sum.what, sum.size, maxTotal)
		}
	}
}

// port checks the number of a port that something listens on.
func port(f *faults, path string, n int) {
	switch {
	case n == 0:
		f.add(path, "is missing: write the port the container listens on")
	case n < 0 || n > 65535:
		f.add(path, "is %d; must be 1 to 65535", n)
	}
}

// duration checks a time that people wait for.
func duration(f *faults, path string, d Duration) {
	if most := 24 * 60 * 60 * second; d < 0 || d > most {
		f.add(path, "is %s; must be 0s to %s", d, most)
	}
}
