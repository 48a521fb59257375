package job_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
)

func TestValid(t *testing.T) {
	for _, j := range []job.Job{
		webapp(),
		job.Job{Name: "a", NumInstances: new(0), Containers: map[string]job.Container{"a": {Image: "i"}}}.Default(),
		job.Job{Name: "a", Daemon: true, OnPartition: job.Keep, Containers: map[string]job.Container{"a": {Image: "i"}}}.Default(),
		job.Job{Name: "a", Worklist: "team/primes", Sidecars: []string{"envoy"}, Containers: map[string]job.Container{"a": {Image: "i"}}}.Default(),
	} {
		if faults := j.Validate(); len(faults) > 0 {
			t.Errorf("%s: %v", j.Name, faults)
		}
	}
}

// Each change to a valid job makes one fault: its path, and a part of what is said.
func TestValidate(t *testing.T) {
	app := func(change func(*job.Container)) func(*job.Job) {
		return func(j *job.Job) {
			c := j.Containers["app"]
			change(&c)
			j.Containers["app"] = c
		}
	}
	check := func(change func(*job.Healthcheck)) func(*job.Job) {
		return app(func(c *job.Container) { change(c.Healthcheck) })
	}
	volume := func(change func(*job.Volume)) func(*job.Job) {
		return app(func(c *job.Container) { change(&c.Volumes[0]) })
	}
	for _, c := range []struct {
		path, says string
		change     func(*job.Job)
	}{
		{"name", "is missing", func(j *job.Job) { j.Name = "" }},
		{"name", `"Web" is no name`, func(j *job.Job) { j.Name = "Web" }},
		{"name", `"-web" is no name`, func(j *job.Job) { j.Name = "-web" }},
		{"name", "means all jobs", func(j *job.Job) { j.Name = "any" }},
		{"name", "at most 50", func(j *job.Job) { j.Name = strings.Repeat("a", 51) }},
		{"numInstances", "is -1; must be 0 to 10000", func(j *job.Job) { j.NumInstances = new(-1) }},
		{"numInstances", "must be 0 to 10000", func(j *job.Job) { j.NumInstances = new(10_001) }},
		{"priority", "is 1001", func(j *job.Job) { j.Priority = 1001 }},
		{"worklist", `"a b" is no name`, func(j *job.Job) { j.Worklist = "a b" }},
		{"swarm", `"../x" is no name`, func(j *job.Job) { j.Swarm = "../x" }},
		{"swarm", "for a worklist or for a swarm", func(j *job.Job) { j.Swarm, j.Worklist = "a", "b" }},

		{"ingress[0]", "neither host nor tcp", func(j *job.Job) { j.Ingress[0].Host = "" }},
		{"ingress[0]", "both host and tcp", func(j *job.Job) { j.Ingress[0].TCP = 80 }},
		{"ingress[0].host", `"Webapp.example" is no host name`, func(j *job.Job) { j.Ingress[0].Host = "Webapp.example" }},
		{"ingress[0].host", "without a port", func(j *job.Job) { j.Ingress[0].Host = "webapp.example:80" }},
		{"ingress[0].path", "write /api", func(j *job.Job) { j.Ingress[0].Path = "api" }},
		{"ingress[0].container", `there is no container "web": write app or db`, func(j *job.Job) { j.Ingress[0].Container = "web" }},
		{"ingress[0].container", "is missing: write which one answers: app or db", func(j *job.Job) { j.Ingress[0].Container = "" }},
		{"ingress[0].port", "is missing", func(j *job.Job) { j.Ingress[0].Port = 0 }},
		{"ingress[0].port", "is 70000", func(j *job.Job) { j.Ingress[0].Port = 70000 }},
		{"ingress[0].tls", "either the secret", func(j *job.Job) { j.Ingress[0].TLS.ACME = false }},
		{"ingress[0].tls", "either the secret", func(j *job.Job) { j.Ingress[0].TLS.Secret = "cert" }},
		{"ingress[1].tcp", "is -1", func(j *job.Job) { j.Ingress[1].TCP = -1 }},
		{"ingress[1].tls", "passed on as they are", func(j *job.Job) { j.Ingress[1].TLS = &job.TLS{ACME: true} }},
		{"ingress[1].path", "connections have no path", func(j *job.Job) { j.Ingress[1].Path = "/" }},
		{"ingress[2]", "takes the same as ingress[1]", func(j *job.Job) { j.Ingress = append(j.Ingress, j.Ingress[1]) }},

		{"containers.App", "is no name", func(j *job.Job) { j.Containers["App"] = j.Containers["db"]; unshare(j, "App") }},
		{"containers.app.image", "is missing", app(func(c *job.Container) { c.Image = "" })},
		{"containers.app.image", `"a b" is no image`, app(func(c *job.Container) { c.Image = "a b" })},
		{"containers.app.restart", "is not a restart policy", app(func(c *job.Container) { c.Restart.Policy = "often" })},
		{"containers.app.entrypoint", "empty word", app(func(c *job.Container) { c.Entrypoint[0] = "" })},
		{"containers.app.command[0]", "NUL", app(func(c *job.Container) { c.Command[0] = "\x00" })},
		{"containers.app.environment", `"A=" is no name`, app(func(c *job.Container) { c.Environment["A="] = "" })},
		{"containers.app.environment.A", "NUL", app(func(c *job.Container) { c.Environment["A"] = "\x00" })},
		{"containers.app.memory", "is 1M; at least 4Mi", app(func(c *job.Container) { c.Memory = 1e6 })},
		{"containers.app.memory", "at most 500T", app(func(c *job.Container) { c.Memory = math.MaxInt64 })},
		{"containers.app.cpus", "is -1", app(func(c *job.Container) { c.CPUs = -1000 })},
		{"containers.app.stop_grace_period", "0s to 24h", app(func(c *job.Container) { c.StopGracePeriod = math.MaxInt64 })},
		{"containers.app.stop_signal", `"SIGFOO" is no signal`, app(func(c *job.Container) { c.StopSignal = "SIGFOO" })},
		{"containers.app.user", `"a:b:c" is no user`, app(func(c *job.Container) { c.User = "a:b:c" })},
		{"containers.app.sidecar", `"../x" is no name`, app(func(c *job.Container) { c.Sidecar = "../x" })},
		{"containers.app.working_dir", `"app" is not absolute`, app(func(c *job.Container) { c.WorkingDir = "app" })},

		{"containers.app.depends_on.cache", `there is no container "cache" in this job: write db`, app(func(c *job.Container) { c.DependsOn["cache"] = job.Dependency{Condition: job.Started} })},
		{"containers.app.depends_on.db.condition", "neither service_started nor", app(func(c *job.Container) { c.DependsOn["db"] = job.Dependency{Condition: "up"} })},
		{"containers.app.depends_on.db.condition", "is not known here", app(func(c *job.Container) {
			c.DependsOn["db"] = job.Dependency{Condition: "service_completed_successfully"}
		})},
		{"containers.app.depends_on.db.condition", "no healthcheck", func(j *job.Job) { c := j.Containers["db"]; c.Healthcheck = nil; j.Containers["db"] = c }},
		{"containers.app.depends_on", "goes round in a circle: app needs app", app(func(c *job.Container) { c.DependsOn["app"] = job.Dependency{Condition: job.Started} })},

		{"containers.app.secrets[0]", "either the name", app(func(c *job.Container) { c.Secrets[0].Name = "" })},
		{"containers.app.secrets[0]", "either the name", app(func(c *job.Container) { c.Secrets[0].Vault = c.Secrets[2].Vault })},
		{"containers.app.secrets[0].name", "is no name", app(func(c *job.Container) { c.Secrets[0].Name = "a b" })},
		{"containers.app.secrets[0]", "either env", app(func(c *job.Container) { c.Secrets[0].File = "/run/key" })},
		{"containers.app.secrets[0].env", "stands in environment too", app(func(c *job.Container) { c.Secrets[0].Env = "RAILS_ENV" })},
		{"containers.app.secrets[1].file", "is not absolute", app(func(c *job.Container) { c.Secrets[1].File = "cert" })},
		{"containers.app.secrets[2].vault.key", "is missing", app(func(c *job.Container) { c.Secrets[2].Vault.Key = "" })},
		{"containers.app.secrets[2]", "the same place as secrets[1]", app(func(c *job.Container) { c.Secrets[2].File = c.Secrets[1].File })},

		{"containers.app.ports[0]", "is not a port", app(func(c *job.Container) { c.Ports[0].Container = 0 })},
		{"containers.app.ports[1]", "takes the same port of the node as containers.app.ports[0]", app(func(c *job.Container) { c.Ports = append(c.Ports, c.Ports[0]) })},
		{"containers.db.ports[0]", "takes the same port of the node as containers.app.ports[0]", func(j *job.Job) { c := j.Containers["db"]; c.Ports = j.Containers["app"].Ports; j.Containers["db"] = c }},

		{"containers.app.healthcheck.type", "is missing", check(func(h *job.Healthcheck) { h.Type = "" })},
		{"containers.app.healthcheck.type", `"icmp" is neither`, check(func(h *job.Healthcheck) { h.Type = "icmp" })},
		{"containers.app.healthcheck.port", "is missing", check(func(h *job.Healthcheck) { h.Port = 0 })},
		{"containers.app.healthcheck.path", "does not begin with /", check(func(h *job.Healthcheck) { h.Path = "x" })},
		{"containers.app.healthcheck.path", "belongs to type http", check(func(h *job.Healthcheck) { h.Type = job.TCP })},
		{"containers.app.healthcheck.command", "belongs to type exec", check(func(h *job.Healthcheck) { h.Command = job.Words{"x"} })},
		{"containers.db.healthcheck.command", "is missing", func(j *job.Job) { j.Containers["db"].Healthcheck.Command = nil }},
		{"containers.db.healthcheck.port", "belongs to type http or tcp", func(j *job.Job) { j.Containers["db"].Healthcheck.Port = 80 }},
		{"containers.app.healthcheck.interval", "at least 1s", check(func(h *job.Healthcheck) { h.Interval = 1 })},
		{"containers.app.healthcheck.timeout", "must be 0s", check(func(h *job.Healthcheck) { h.Timeout = -1 })},
		{"containers.app.healthcheck.healthy_threshold", "is -1; must be 1 to 100", check(func(h *job.Healthcheck) { h.HealthyThreshold = -1 })},
		{"containers.app.healthcheck.unhealthy_threshold", "is 101", check(func(h *job.Healthcheck) { h.UnhealthyThreshold = 101 })},

		{"containers.app.volumes[0].type", `"nfs" is neither`, volume(func(v *job.Volume) { v.Type = "nfs" })},
		{"containers.app.volumes[0].sticky", "is for local volumes", volume(func(v *job.Volume) { v.Type, v.Sticky = job.Shared, true })},
		{"containers.app.volumes[0].path", "is missing", volume(func(v *job.Volume) { v.Path = "" })},
		{"containers.app.volumes[0].path", "would hide the image", volume(func(v *job.Volume) { v.Path = "/" })},
		{"containers.app.volumes[0].path", "without //", volume(func(v *job.Volume) { v.Path = "/a/../b" })},
		{"containers.app.volumes[0].space", "is missing", volume(func(v *job.Volume) { v.Space = 0 })},
		{"containers.app.volumes[0].space", "is 1k; at least 1M", volume(func(v *job.Volume) { v.Space = 1000 })},
		{"containers.app.volumes[0].space", "at most 500T", volume(func(v *job.Volume) { v.Space = math.MaxInt64 })},
		{"containers.app.volumes[0].name", "is no name", volume(func(v *job.Volume) { v.Name = "a/b" })},
		{"containers.app.volumes[1].path", "is where volumes[0] is", volume(func(v *job.Volume) { v.Path = "/data/scratch" })},
		{"containers.db.volumes[0].type", "is local, but containers.app.volumes[0] has the same name and is shared", volume(func(v *job.Volume) { v.Name = "data" })},
		{"containers.db.volumes[0].space", "is 10G, but containers.app.volumes[0] has the same name and 1G", volume(func(v *job.Volume) { v.Name, v.Type = "data", job.Local })},
		{"containers", "the memory of an instance sum up to 602T", func(j *job.Job) {
			for name, c := range j.Containers {
				c.Memory = 301e12
				j.Containers[name] = c
			}
		}},

		{"sidecars[0]", "is no name", func(j *job.Job) { j.Sidecars = []string{"En voy"} }},
		{"sidecars[0]", `"app" is the name of a container too`, func(j *job.Job) { j.Sidecars = []string{"app"} }},
		{"sidecars[1]", "is given twice", func(j *job.Job) { j.Sidecars = []string{"envoy", "envoy"} }},

		{"update.order", `"both" is neither`, func(j *job.Job) { j.Update.Order = "both" }},
		{"update.max_surge", "is -1", func(j *job.Job) { j.Update.MaxSurge = -1 }},
		{"update.max_unavailable", "is -1", func(j *job.Job) { j.Update.MaxUnavailable = -1 }},
		{"update.min_healthy", "not less than healthy_within", func(j *job.Job) { j.Update.MinHealthy = j.Update.HealthyWithin }},
		{"placement.requires.a b", "is no name", func(j *job.Job) { j.Placement.Requires["a b"] = "" }},
		{"placement.requires.a", "control characters", func(j *job.Job) { j.Placement.Requires["a"] = "\n" }},
		{"placement.spread", "is no name", func(j *job.Job) { j.Placement.Spread = "a b" }},
		{"placement.max_per_node", "is -1", func(j *job.Job) { j.Placement.MaxPerNode = -1 }},
		{"on_partition", "neither stop nor keep", func(j *job.Job) { j.OnPartition = "pause" }},
	} {
		t.Run(c.path+" "+c.says, func(t *testing.T) {
			j := webapp()
			c.change(&j)
			faults := j.Validate()
			if len(faults) != 1 || faults[0].Path != c.path || !strings.Contains(faults[0].Message, c.says) {
				t.Errorf("faults are %q; want one, %s: ...%s...", faults, c.path, c.says)
			}
		})
	}
}

// unshare takes away what two containers cannot both have.
func unshare(j *job.Job, name string) {
	c := j.Containers[name]
	c.Volumes, c.Ports = nil, nil
	j.Containers[name] = c
}

func TestValidateDaemon(t *testing.T) {
	for path, change := range map[string]func(*job.Job){
		"numInstances":           func(j *job.Job) { j.NumInstances = new(2) },
		"worklist":               func(j *job.Job) { j.Worklist = "primes" },
		"update.order":           func(j *job.Job) { j.Update.Order = job.StartFirst },
		"update.max_surge":       func(j *job.Job) { j.Update.MaxSurge = 1 },
		"placement.max_per_node": func(j *job.Job) { j.Placement.MaxPerNode = 1 },
		"placement.spread":       func(j *job.Job) { j.Placement.Spread = "rack" },
	} {
		j := job.Job{Name: "a", Daemon: true, Containers: containers(job.Container{Image: "i"})}.Default()
		change(&j)
		if faults := j.Validate(); len(faults) != 1 || faults[0].Path != path {
			t.Errorf("%s: faults are %q; want one", path, faults)
		}
	}
}

// All faults are found at once, in one order.
func TestValidateAll(t *testing.T) {
	j := job.Job{Containers: map[string]job.Container{"b": {}, "a": {Volumes: make([]job.Volume, 2)}}}
	want := []string{"name", "containers.a.image", "containers.b.image", "containers.a.volumes[0].path", "containers.a.volumes[0].space",
		"containers.a.volumes[1].path", "containers.a.volumes[1].space", "containers.a.volumes[1].path"}
	for range 20 {
		var got []string
		for _, f := range j.Default().Validate() {
			got = append(got, f.Path)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("faults are at %q; want %q", got, want)
		}
	}
	if faults := (job.Job{}).Validate(); !slices.ContainsFunc(faults, func(f job.Fault) bool { return f.Error() == "containers: is missing: a job has at least one container" }) {
		t.Errorf("of nothing it says %q", faults)
	}
}

// More than can be counted is refused before it is counted.
func TestValidateTooMany(t *testing.T) {
	j := webapp()
	for i := range 60 {
		j.Containers[fmt.Sprintf("c%d", i)] = job.Container{Image: "i", Memory: 500e12}
	}
	c := j.Containers["app"]
	c.Ports, c.Volumes, c.Secrets = make([]job.Port, 60), make([]job.Volume, 60), make([]job.Secret, 60)
	j.Containers["app"] = c
	j.Ingress = make(job.Ingresses, 60)
	said := map[string]bool{}
	for _, f := range j.Default().Validate() {
		if strings.HasSuffix(f.Message, "at most 50") {
			said[f.Path] = true
		}
	}
	want := []string{"containers", "containers.app.ports", "containers.app.secrets", "containers.app.volumes", "ingress"}
	if got := slices.Sorted(maps.Keys(said)); !slices.Equal(got, want) {
		t.Errorf("too many are %q; want %q", got, want)
	}
}
