package sidecar

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/job"
)

var update = flag.Bool("update", false, "write testdata anew")

// app is a job of one container.
func app(name string, ingress ...job.Ingress) job.Job {
	return job.Job{Name: name, Ingress: ingress, Containers: map[string]job.Container{"app": {Image: name}}}
}

// config is what Envoy gets.
func config(t interface{ Fatalf(string, ...any) }, j job.Job) string {
	command := j.Containers["envoy"].Command
	i := slices.Index(command, "--config-yaml")
	if i < 0 || i+1 == len(command) {
		t.Fatalf("the command is %q", command)
	}
	return command[i+1]
}

// decoded reads a configuration as Envoy does, by its own definition of it: nothing unknown is in it and all its rules are kept.
func decoded(t interface{ Fatalf(string, ...any) }, config string) *bootstrapv3.Bootstrap {
	b := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal([]byte(config), b); err != nil {
		t.Fatalf("%v in %s", err, config)
	}
	if err := b.ValidateAll(); err != nil {
		t.Fatalf("%v in %s", err, config)
	}
	for _, l := range b.StaticResources.Listeners {
		for _, f := range l.FilterChains[0].Filters {
			settings, err := f.GetTypedConfig().UnmarshalNew()
			if err != nil {
				t.Fatalf("%v", err)
			}
			if err := settings.(interface{ ValidateAll() error }).ValidateAll(); err != nil {
				t.Fatalf("%v in %s", err, config)
			}
		}
	}
	return b
}

// The container, and the configuration, of a small cluster. Testdata shows it.
func TestEnvoy(t *testing.T) {
	web := app("web", job.Ingress{Host: "web.example", Port: 3000})
	web.Sidecars = []string{"envoy"}
	web.Containers["worker"] = job.Container{Image: "web", DependsOn: job.Dependencies{"envoy": {Condition: job.Started}}}
	web.Ingress[0].Container = "app"
	shop := app("shop", job.Ingress{Host: "shop.example", Port: 80}, job.Ingress{Host: "shop.example", Path: "/api", Port: 8080}, job.Ingress{TCP: 7000, Port: 7001})
	others := []job.Job{shop, app("db", job.Ingress{TCP: 5432, Port: 5432}), app("batch"), web}
	j, faults := Expand(web, others)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	if faults := j.Validate(); len(faults) > 0 {
		t.Fatal(faults)
	}
	if len(j.Sidecars) > 0 || len(j.Containers) != 3 {
		t.Errorf("it has %v and sidecars %v", j.Containers, j.Sidecars)
	}
	for name, c := range j.Containers {
		if (name == "envoy") != (c.Sidecar == "envoy") {
			t.Errorf("container %s is said to be of sidecar %q", name, c.Sidecar)
		}
	}
	order, err := j.Order()
	if err != nil || !slices.Equal(order, []string{"envoy", "app", "worker"}) {
		t.Errorf("they start as %v, %v", order, err)
	}
	if a, w := j.Containers["app"].DependsOn["envoy"], j.Containers["worker"].DependsOn["envoy"]; a.Condition != job.Healthy || w.Condition != job.Started {
		t.Errorf("they wait for %v and %v", a, w)
	}
	if _, changed := web.Containers["envoy"]; changed || web.Containers["app"].DependsOn != nil {
		t.Error("what was given is changed")
	}
	text := config(t, j)
	decoded(t, text)
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil {
		t.Fatal(err)
	}
	indented.WriteByte('\n')
	const golden = "testdata/envoy.json"
	if *update {
		if err := os.WriteFile(golden, indented.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, indented.Bytes()) {
		t.Errorf("it is not %s, %v (go test -update writes it anew):\n%s", golden, err, &indented)
	}
	if again, _ := Expand(j, others); !reflect.DeepEqual(again, j) {
		t.Error("a job without sidecars is changed")
	}
}

// hosts are the domains of the egress listener with their routes, as "domain path cluster".
func hosts(t *rapid.T, l *listenerv3.Listener) (all []string) {
	settings := &hcmv3.HttpConnectionManager{}
	if err := l.FilterChains[0].Filters[0].GetTypedConfig().UnmarshalTo(settings); err != nil {
		t.Fatal(err)
	}
	for _, host := range settings.GetRouteConfig().VirtualHosts {
		for _, r := range host.Routes {
			all = append(all, fmt.Sprint(host.Domains[0], " ", r.Match.GetPathSeparatedPrefix(), r.Match.GetPrefix(), " ", r.GetRoute().GetCluster()))
		}
	}
	return all
}

// Whatever jobs there are, Envoy takes the configuration, and it leads to every way into every other job: by path the longest first, by TCP unless
// the port is taken.
func TestEveryJob(t *testing.T) {
	names := []string{"a", "b", "c", "web"}
	ingress := rapid.Custom(func(t *rapid.T) job.Ingress {
		port := rapid.SampledFrom([]int{80, 5432, 15000}).Draw(t, "port")
		if rapid.Bool().Draw(t, "tcp") {
			return job.Ingress{TCP: rapid.SampledFrom([]int{25, 5432, 6379, adminPort, egressPort, readyPort}).Draw(t, "tcp port"), Container: "app", Port: port}
		}
		return job.Ingress{Host: "a.example", Path: rapid.SampledFrom([]string{"/", "/api", "/api/", "/a?b", "/a#", "/ü", "/%20"}).Draw(t, "path"), Container: "app", Port: port}
	})
	rapid.Check(t, func(t *rapid.T) {
		others := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) job.Job {
			return app(rapid.SampledFrom(names).Draw(t, "name"), rapid.SliceOfN(ingress, 0, 4).Draw(t, "ingress")...)
		}), 0, 6).Draw(t, "others")
		web := app("web", rapid.SliceOfN(ingress, 0, 2).Draw(t, "own")...)
		web.Sidecars = []string{"envoy"}
		j, faults := Expand(web, others)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		b := decoded(t, config(t, j))
		have, listening := []string{}, map[uint32]string{}
		for _, l := range b.StaticResources.Listeners {
			port := l.Address.GetSocketAddress().GetPortValue()
			if other, twice := listening[port]; twice {
				t.Fatalf("%s and %s listen on %d", l.Name, other, port)
			}
			listening[port] = l.Name
			switch on := l.Address.GetSocketAddress().Address; {
			case l.Name == "ready":
			case on != "127.0.0.1":
				t.Fatalf("%s listens on %s", l.Name, on)
			case l.Name == "egress":
				have = append(have, hosts(t, l)...)
			default:
				settings := &tcpv3.TcpProxy{}
				if err := l.FilterChains[0].Filters[0].GetTypedConfig().UnmarshalTo(settings); err != nil {
					t.Fatal(err)
				}
				have = append(have, fmt.Sprint(port, " ", settings.GetCluster()))
			}
		}
		own := map[int]bool{adminPort: true, egressPort: true, readyPort: true}
		for _, in := range web.Ingress {
			own[in.Port] = true
		}
		want := map[string]bool{}
		for i, other := range others {
			later := slices.ContainsFunc(others[i+1:], func(o job.Job) bool { return o.Name == other.Name })
			if later || other.Name == "web" {
				continue
			}
			paths := map[string]bool{}
			for _, in := range other.Ingress {
				switch {
				case in.TCP > 0 && !own[in.TCP]:
					want[fmt.Sprintf("%d %s:%d", in.TCP, other.Name, in.Port)] = true
					own[in.TCP] = true
				case in.TCP == 0 && !paths[in.Path]:
					want[fmt.Sprintf("%s %s %s:%d", other.Name, in.Path, other.Name, in.Port)] = true
					paths[in.Path] = true
				}
			}
		}
		for _, way := range have {
			if !want[way] {
				t.Fatalf("there is a way %q; want %v", way, want)
			}
			delete(want, way)
		}
		if len(want) > 0 {
			t.Fatalf("there is no way %v, only %q", want, have)
		}
		clusters := map[string]bool{}
		for _, c := range b.StaticResources.Clusters {
			if clusters[c.Name] {
				t.Fatalf("cluster %s is there twice", c.Name)
			}
			clusters[c.Name] = true
			at := c.LoadAssignment.Endpoints[0].LbEndpoints[0].GetEndpoint().Address.GetSocketAddress()
			if got := fmt.Sprintf("%s:%d", strings.TrimSuffix(at.Address, domain), at.GetPortValue()); got != c.Name || !strings.HasSuffix(at.Address, domain) {
				t.Fatalf("cluster %s leads to %s:%d", c.Name, at.Address, at.GetPortValue())
			}
		}
		for _, way := range have {
			if cluster := way[strings.LastIndexByte(way, ' ')+1:]; !clusters[cluster] {
				t.Fatalf("%q leads to no cluster", way)
			}
		}
	})
}

func TestFaults(t *testing.T) {
	with := func(j job.Job, sidecars ...string) job.Job { j.Sidecars = sidecars; return j }
	var many []job.Job
	for i := range 500 {
		many = append(many, app(fmt.Sprintf("job-%d", i), job.Ingress{Host: "a.example", Port: 80}))
	}
	for _, c := range []struct {
		job    job.Job
		others []job.Job
		want   string
	}{
		{job: with(app("web"), "envoi"), want: `sidecars[0]: "envoi" is not known: did you mean envoy?`},
		{job: with(app("web"), "redis"), want: `sidecars[0]: "redis" is not known: there is envoy`},
		{job: with(app("web", job.Ingress{Host: "a.example", Port: egressPort}), "envoy"), want: "ingress[0].port: is 15001, which sidecar envoy listens on: choose another port"},
		{job: with(app("web"), "envoy"), others: many, want: `sidecars[0]: "envoy" would get a configuration of`},
	} {
		j, faults := Expand(c.job, c.others)
		if len(faults) != 1 || !strings.HasPrefix(faults[0].Error(), c.want) || !slices.Equal(j.Sidecars, c.job.Sidecars) {
			t.Errorf("%v; want %s", faults, c.want)
		}
	}
}
