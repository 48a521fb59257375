package routes_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// web is a job that answers for a host.
func web(uid, name string, ingress ...job.Ingress) schedule.Job {
	spec := job.Job{Name: name, Containers: map[string]job.Container{"app": {Image: "app"}}, Ingress: ingress}
	return schedule.Job{UID: uid, Spec: spec.Default(), Revision: 1}
}

func host(name string) job.Ingress { return job.Ingress{Host: name, Port: 3000} }

// node runs instances that were planned for it, one line each: job/id, address, then what is wrong with it.
func node(name string, lines ...string) schedule.Node {
	n := schedule.Node{Name: name, Incarnation: name + "-1", Plan: schedule.Plan{Version: 5, Incarnation: name + "-1"},
		Report: schedule.Report{Plan: 5, Instances: map[schedule.Instance]schedule.Condition{}}}
	for _, line := range lines {
		words := strings.Fields(line)
		uid, id, _ := strings.Cut(words[0], "/")
		i := schedule.Instance{Job: uid, ID: id}
		c := schedule.Condition{Epoch: 5, Revision: 1, Phase: schedule.Running, Address: words[1], Healthy: true}
		planned := true
		for _, what := range words[2:] {
			switch what {
			case "ill":
				c.Healthy = false
			case "leaving":
				planned = false
			case "replaced":
				c.Epoch = 4
			case "stopping":
				c.Phase = schedule.Stopping
			case "old":
				c.Revision = 0
			default:
				panic(what)
			}
		}
		n.Report.Instances[i] = c
		if planned {
			n.Plan.Instances = append(n.Plan.Instances, schedule.Planned{Instance: i, Revision: 1, Epoch: 5})
		}
	}
	return n
}

func addresses(r routes.Route) string {
	var all []string
	for _, a := range r.Addresses {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

func TestInstancesThatGetRequests(t *testing.T) {
	dead := node("dead", "u1/0 10.0.0.1")
	dead.Incarnation = ""
	back := node("back", "u1/0 10.0.0.1")
	back.Incarnation = "back-2"
	cases := []struct {
		name string
		node schedule.Node
		want string
	}{
		{"a healthy one", node("a", "u1/0 10.0.0.1"), "10.0.0.1:3000"},
		{"all healthy ones", node("a", "u1/1 10.0.0.2", "u1/0 10.0.0.1"), "10.0.0.1:3000 10.0.0.2:3000"},
		{"by IPv6", node("a", "u1/0 fd00::1"), "[fd00::1]:3000"},
		{"not one that fails its checks", node("a", "u1/0 10.0.0.1 ill"), ""},
		{"not one that is to leave, though its node does not know yet", node("a", "u1/0 10.0.0.1 leaving"), ""},
		{"not one that is stopping", node("a", "u1/0 10.0.0.1 stopping"), ""},
		{"not the predecessor of the one that is planned", node("a", "u1/0 10.0.0.1 replaced"), ""},
		{"not one without an address", node("a", "u1/0 -"), ""},
		{"not one of a node that is gone", dead, ""},
		{"not one of a node that came back as another", back, ""},
		{"not another job's", node("a", "u2/0 10.0.0.1"), ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			table := routes.Of(schedule.State{Jobs: []schedule.Job{web("u1", "web", host("a.example"))}, Nodes: []schedule.Node{c.node}})
			route, ok := table.Find("a.example", "/")
			if !ok || route.Job != "web" || addresses(route) != c.want {
				t.Errorf("found %t, job %q, addresses %q; want web at %q", ok, route.Job, addresses(route), c.want)
			}
		})
	}
}

func TestDeployThatChangesThePort(t *testing.T) {
	j := web("u1", "web", job.Ingress{Host: "a.example", Port: 4000})
	before := web("u1", "web", host("a.example"))
	j.Specs = map[int64]job.Job{0: before.Spec}
	table := routes.Of(schedule.State{Jobs: []schedule.Job{j}, Nodes: []schedule.Node{node("a", "u1/0 10.0.0.1 old", "u1/1 10.0.0.2")}})
	route, _ := table.Find("a.example", "/")
	if got := addresses(route); got != "10.0.0.1:3000 10.0.0.2:4000" {
		t.Errorf("instances of two revisions are reached at %s, each should be at the port that it listens on", got)
	}
}

func TestPaths(t *testing.T) {
	table := routes.Of(schedule.State{Jobs: []schedule.Job{
		web("u1", "site", job.Ingress{Host: "a.example", Path: "/", Port: 1}),
		web("u2", "api", job.Ingress{Host: "a.example", Path: "/api", Port: 1}),
		web("u3", "old", job.Ingress{Host: "a.example", Path: "/api/v1/", Port: 1}),
		web("u4", "only", job.Ingress{Host: "b.example", Path: "/only", Port: 1}),
	}})
	for request, want := range map[string]string{
		"a.example/": "site", "a.example/apix": "site", "a.example/api": "api", "a.example/api/": "api", "a.example/api/v2": "api",
		"a.example/api/v1": "old", "a.example/api/v1/x": "old", "a.example/api/v10": "api",
		"b.example/": "", "b.example/only": "only", "b.example/only/x": "only", "c.example/": "",
	} {
		host, path, _ := strings.Cut(request, "/")
		if route, _ := table.Find(host, "/"+path); route.Job != want {
			t.Errorf("%s goes to %q, want %q", request, route.Job, want)
		}
	}
	if len(table.Conflicts) != 0 {
		t.Errorf("jobs with different paths of a host are said to be in conflict: %v", table.Conflicts)
	}
}

func TestOlderJobHasWhatTwoClaim(t *testing.T) {
	own := job.TLS{Secret: "own"}
	deleted := web("u0", "gone", host("a.example"))
	deleted.Deleted = true
	table := routes.Of(schedule.State{Jobs: []schedule.Job{
		web("u2", "late", host("a.example"), job.Ingress{TCP: 5432, Port: 1}, job.Ingress{Host: "a.example", Path: "/x", Port: 1, TLS: &job.TLS{ACME: true}}),
		web("u1", "early", job.Ingress{Host: "a.example", Port: 1, TLS: &own}, job.Ingress{TCP: 5432, Port: 1}),
		web("u3", "twice", job.Ingress{Host: "b.example", Path: "/p", Port: 1}, job.Ingress{Host: "b.example", Path: "/p/", Port: 2}),
		deleted,
	}})
	if route, _ := table.Find("a.example", "/"); route.Job != "early" {
		t.Errorf("the host goes to %q, want the older job", route.Job)
	}
	if route, _ := table.Find("a.example", "/x"); route.Job != "late" {
		t.Errorf("a path that nobody else claims goes to %q", route.Job)
	}
	if table.Ports[5432].Job != "early" || *table.Hosts["a.example"].TLS != own {
		t.Errorf("the port goes to %q, the certificate is %v; want the older job's", table.Ports[5432].Job, table.Hosts["a.example"].TLS)
	}
	var told []string
	for _, c := range table.Conflicts {
		told = append(told, c.String())
	}
	want := []string{
		"late does not get requests for a.example/: early has it, which is older",
		"late does not get connections to port 5432: early has it, which is older",
		"late does not get another certificate for a.example: early has it, which is older",
		"twice claims requests for b.example/p twice; the first one counts",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told:\n%s\nwant:\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
}

// Every node comes to the same table, in whichever order it has what it knows.
func TestOrderOfWhatIsKnownDoesNotMatter(t *testing.T) {
	state := schedule.State{}
	for i := range 6 {
		uid := fmt.Sprintf("u%d", i)
		state.Jobs = append(state.Jobs, web(uid, "job"+uid, host(fmt.Sprintf("%d.example", i%4)), job.Ingress{TCP: 7000 + i%3, Port: 5}))
		state.Nodes = append(state.Nodes, node("n"+uid, "u0/"+uid+" 10.0.0."+uid[1:], "u1/"+uid+" 10.0.1."+uid[1:]))
	}
	want := routes.Of(state)
	for range 20 {
		rand.Shuffle(len(state.Jobs), func(i, j int) { state.Jobs[i], state.Jobs[j] = state.Jobs[j], state.Jobs[i] })
		rand.Shuffle(len(state.Nodes), func(i, j int) { state.Nodes[i], state.Nodes[j] = state.Nodes[j], state.Nodes[i] })
		if got := routes.Of(state); !reflect.DeepEqual(got, want) {
			t.Fatalf("the table is\n%+v\nin one order and\n%+v\nin another", got, want)
		}
	}
	if got := len(want.Hosts["0.example"].Routes[0].Addresses); got != 6 {
		t.Errorf("%d addresses, want 6", got)
	}
}

func TestHosts(t *testing.T) {
	for given, want := range map[string]string{
		"a.example": "a.example", "A.Example:8080": "a.example", "a.example.": "a.example", "a.example.:80": "a.example",
		"[::1]:80": "::1", "[::1]": "::1", "10.0.0.1:80": "10.0.0.1", "": "", ":80": "", "\u212Aelvin.example": "", "fd00::1": "fd00::1",
	} {
		if got := routes.Host(given); got != want {
			t.Errorf("Host(%q) = %q, want %q", given, got, want)
		}
	}
}

// However a client writes the host of a job, it is found; and nothing else becomes the host of a job.
func FuzzHost(f *testing.F) {
	for _, seed := range []string{"a.example", "A.EXAMPLE:443", "a.example.", "[::1]:80", "x:1:2", "a..", "\u212A.example", "[a]b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		host := routes.Host(s)
		spec := job.Job{Name: "web", Containers: map[string]job.Container{"app": {Image: "app"}}, Ingress: job.Ingresses{{Host: host, Port: 1}}}
		if spec.Default().Validate() != nil {
			return // no job can have it
		}
		for _, written := range []string{host, host + ".", host + ":8443", strings.ToUpper(host), strings.ToUpper(host) + ".:80"} {
			if got := routes.Host(written); got != host {
				t.Errorf("Host(%q) = %q, want %q", written, got, host)
			}
		}
		if bare := strings.TrimLeft(s, "["); !strings.HasPrefix(strings.ToLower(bare), host) {
			t.Errorf("Host(%q) = %q, which the client did not write", s, host)
		}
		if _, err := netip.ParseAddrPort(s); err == nil && !strings.Contains(s, host) {
			t.Errorf("Host(%q) = %q", s, host)
		}
	})
}
