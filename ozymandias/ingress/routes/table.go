package routes

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A Table says where requests and connections go. It is not to be changed.
type Table struct {
	Hosts map[string]Site
	// Ports are of every node, by number; what connects there is passed on as it is.
	Ports map[int]Route
	// Conflicts are claims that lost against another's, by job.
	Conflicts []Conflict
}

// A Site is what is served for one host.
type Site struct {
	// TLS says where the host's certificate comes from; nil for plain HTTP only.
	TLS *job.TLS
	// Routes are by path, the longest first.
	Routes []Route
}

// A Route leads to a job.
type Route struct {
	Job string // its name
	// Path that requests have, or are below, without a slash at its end: "" has all.
	Path string
	// Addresses of the instances that may be given something, in order.
	Addresses []netip.AddrPort
}

// A Conflict is a claim of a job that another one has.
type Conflict struct {
	Job   string // that lost
	Has   string // the job that has it; may be the same
	Claim string // what it is about, in words
}

func (c Conflict) String() string {
	if c.Has == c.Job {
		return fmt.Sprintf("%s claims %s twice; the first one counts", c.Job, c.Claim)
	}
	return fmt.Sprintf("%s does not get %s: %s has it, which is older", c.Job, c.Claim, c.Has)
}

// Find is the route of a request. The host is as [Host] returns it.
func (t Table) Find(host, path string) (Route, bool) {
	for _, r := range t.Hosts[host].Routes {
		if below(path, r.Path) {
			return r, true
		}
	}
	return Route{}, false
}

// Of is the table that follows from a state.
func Of(state schedule.State) Table {
	t := Table{Hosts: map[string]Site{}, Ports: map[int]Route{}}
	jobs := slices.Clone(state.Jobs)
	slices.SortFunc(jobs, func(a, b schedule.Job) int { return strings.Compare(a.UID, b.UID) })
	up := serving(state)
	tls := map[string]string{} // whose settings a host has
	for _, j := range jobs {
		if j.Deleted {
			continue // its successor of the same name may have what it had
		}
		for _, in := range j.Spec.Ingress {
			if in.TCP != 0 {
				t.addPort(j, in, up)
			} else {
				t.addHost(j, in, up, tls)
			}
		}
	}
	for _, site := range t.Hosts {
		slices.SortFunc(site.Routes, func(a, b Route) int {
			return cmp.Or(cmp.Compare(len(b.Path), len(a.Path)), strings.Compare(a.Path, b.Path))
		})
	}
	slices.SortStableFunc(t.Conflicts, func(a, b Conflict) int { return strings.Compare(a.Job, b.Job) })
	return t
}

func (t *Table) addPort(j schedule.Job, in job.Ingress, up map[string][]instance) {
	if other, taken := t.Ports[in.TCP]; taken {
		t.Conflicts = append(t.Conflicts, Conflict{j.Spec.Name, other.Job, fmt.Sprintf("connections to port %d", in.TCP)})
		return
	}
	t.Ports[in.TCP] = Route{Job: j.Spec.Name, Addresses: addresses(j, in, up[j.UID])}
}

func (t *Table) addHost(j schedule.Job, in job.Ingress, up map[string][]instance, tls map[string]string) {
	site, root := t.Hosts[in.Host], strings.TrimRight(in.Path, "/")
	for _, other := range site.Routes {
		if other.Path == root {
			t.Conflicts = append(t.Conflicts, Conflict{j.Spec.Name, other.Job, fmt.Sprintf("requests for %s%s", in.Host, cmp.Or(root, "/"))})
			return
		}
	}
	switch {
	case in.TLS == nil:
	case site.TLS == nil:
		site.TLS, tls[in.Host] = in.TLS, j.Spec.Name
	case *site.TLS != *in.TLS:
		t.Conflicts = append(t.Conflicts, Conflict{j.Spec.Name, tls[in.Host], "another certificate for " + in.Host})
	}
	site.Routes = append(site.Routes, Route{Job: j.Spec.Name, Path: root, Addresses: addresses(j, in, up[j.UID])})
	t.Hosts[in.Host] = site
}

// An instance is one that may be given something.
type instance struct {
	revision int64
	address  netip.Addr
}

// serving are those that may be given something, by their job's UID.
func serving(state schedule.State) map[string][]instance {
	up := map[string][]instance{}
	for _, n := range state.Nodes {
		if !n.Current() {
			continue
		}
		for _, p := range n.Plan.Instances {
			c, reported := n.Report.Instances[p.Instance]
			address, err := netip.ParseAddr(c.Address)
			if reported && c.Epoch == p.Epoch && c.Phase == schedule.Running && c.Healthy && err == nil {
				up[p.Job] = append(up[p.Job], instance{c.Revision, address})
			}
		}
	}
	return up
}

// addresses are where a job's instances listen. During a deploy they may listen on different ports: each on the one of its own
// revision, if that had this way in.
func addresses(j schedule.Job, in job.Ingress, up []instance) []netip.AddrPort {
	var all []netip.AddrPort
	for _, i := range up {
		port := in.Port
		if spec := j.At(i.revision); spec != nil {
			for _, own := range spec.Ingress {
				if own.Host == in.Host && own.Path == in.Path && own.TCP == in.TCP {
					port = own.Port
				}
			}
		}
		all = append(all, netip.AddrPortFrom(i.address, uint16(port)))
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return slices.Compact(all)
}
