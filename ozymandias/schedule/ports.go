package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/placement"
)

// portRules is how an instance keeps clear of those of other jobs that publish a port of the node which it publishes, too. Placement knows
// nothing of that, so it is asked with fewer nodes to choose from, again and again until no two have come together:
//
//   - What is new avoids nodes where others are that have its ports, for a start.
//   - Where two come together nevertheless, one is banned from that node, and the other is anchored there: it does not go elsewhere
//     for the room that there is now.
//
// That can be more than needs be. What has no place lets go of it:
//
//   - At first it insists: it may come to the nodes that it avoided, and be banned from these, or get the port as it is more important.
//   - Where it is anchored and does not fit, or is banned, it is adrift: it is not held there, nor anchored again.
//   - Of the nodes that have its volumes it gives up the one it used last, then the one before (want.tied), as it does for want of room.
//
// A ban stays. What is banned from all nodes where it could be is refused.
type portRules struct {
	avoids  map[string]bool // nodes
	insists bool
	banned  map[string]bool // nodes
	anchor  string          // a node, or ""
	adrift  bool
}

// forbids tells whether an instance is to be kept from a node.
func (p *portRules) forbids(node string) bool { return p.banned[node] || p.avoids[node] && !p.insists }

// loosen has an instance that has no place insist, and be adrift.
func (p *portRules) loosen() (again bool) {
	if len(p.avoids) > 0 && !p.insists {
		p.insists, again = true, true
	}
	if p.anchor != "" {
		p.anchor, p.adrift, again = "", true, true
	}
	return again
}

// yield has an instance let go when there is no node left to ask for.
func (d *decider) yield(w *want) {
	none := func() bool { return len(d.ties(w)) == 0 }
	if len(w.ports.avoids) > 0 && !w.ports.insists && none() {
		w.ports.insists = true
	}
	if len(w.ports.banned) == 0 {
		return
	}
	for len(w.tied) > 0 && none() {
		w.tied = w.tied[1:]
	}
	if w.refused == "" && none() {
		w.refused = publishes(w.spec) + ", which others have on " + namesOf(w.ports.banned)
	}
}

// avoid keeps what comes with ports from the nodes where others have them, for a start.
func (d *decider) avoid() {
	var publishers []*want
	for _, w := range d.wants {
		if len(w.spec.HostPorts()) > 0 {
			publishers = append(publishers, w)
		}
	}
	for _, w := range publishers {
		for _, other := range publishers {
			if w.home == nil && other.home != nil && other.task != w.task && collide(w.spec.HostPorts(), other.spec.HostPorts()) {
				if w.ports.avoids == nil {
					w.ports.avoids = map[string]bool{}
				}
				w.ports.avoids[other.home.Name] = true
			}
		}
	}
}

// publishers are, by job and revision, the nodes where others, that are there to stay, have a port of its instances'.
func (d *decider) publishers() map[atRevision]map[string]bool {
	where, specs := map[atRevision]map[string]bool{}, map[atRevision]*job.Job{}
	for _, w := range d.wants {
		of := atRevision{w.task, w.revision}
		if specs[of] == nil {
			specs[of], where[of] = w.spec, map[string]bool{}
		}
		where[of][w.at] = true
	}
	nodes := map[atRevision]map[string]bool{}
	for a, spec := range specs {
		ports := spec.HostPorts()
		if len(ports) == 0 {
			delete(specs, a)
			continue
		}
		nodes[a] = map[string]bool{}
		for b, other := range specs {
			if a.task != b.task && collide(ports, other.HostPorts()) {
				maps.Copy(nodes[a], where[b])
			}
		}
		delete(nodes[a], "")
	}
	return nodes
}

type atRevision struct {
	task     *task
	revision int64
}

// ban keeps an instance from a node where another job's has one of its ports. What placement would move there only now stays away;
// else the more important gets the port; of what is equally important who has it, or else who needs more, as that has fewer places to go to.
func (d *decider) ban(wants []*want) (again bool) {
	publishers := map[string][]*want{}
	for _, w := range wants {
		if w.at != "" && len(w.spec.HostPorts()) > 0 {
			publishers[w.at] = append(publishers[w.at], w)
		}
	}
	for _, node := range slices.Sorted(maps.Keys(publishers)) {
		list := publishers[node]
		slices.SortFunc(list, func(a, b *want) int {
			return cmp.Or(first(a.done, b.done), first(!a.moves(), !b.moves()), -cmp.Compare(a.importance(), b.importance()),
				first(a.from == node, b.from == node), -cmp.Compare(a.spec.Needs().Memory, b.spec.Needs().Memory), a.name.Compare(b.name))
		})
		for at, w := range list {
			for _, other := range list[:at] {
				if other.at != "" && w.at != "" && collide(w.spec.HostPorts(), other.spec.HostPorts()) {
					d.banOne(w, node)
					w.at, again = "", true
					if !other.ports.adrift && !other.done {
						other.ports.anchor = node
					}
				}
			}
		}
	}
	return again
}

func (d *decider) banOne(w *want, node string) {
	if w.ports.banned[node] || w.stays {
		w.refused = fmt.Sprintf("%s, which another has on %s, too", publishes(w.spec), node)
		return
	}
	if w.ports.banned == nil {
		w.ports.banned = map[string]bool{}
	}
	w.ports.banned[node] = true
	if w.ports.anchor == node {
		w.ports.anchor, w.ports.adrift = "", true
	}
}

// publishes says which ports of its node an instance asks for.
func publishes(spec *job.Job) string { return "publishes " + ports(spec) + " of its node" }

// ports are those of the node that an instance asks for, in words.
func ports(spec *job.Job) string {
	var ports []string
	for _, p := range spec.HostPorts() {
		text := strconv.Itoa(int(p.Host))
		if p.Protocol == job.UDPProtocol {
			text += "/udp"
		}
		ports = append(ports, text)
	}
	if len(ports) == 1 {
		return "port " + ports[0]
	}
	return "ports " + placement.Enumerate(ports, "and")
}

// collide tells whether two sets of ports cannot be published on one node.
func collide(a, b []job.Port) bool {
	for _, p := range a {
		if slices.ContainsFunc(b, p.Collides) {
			return true
		}
	}
	return false
}
