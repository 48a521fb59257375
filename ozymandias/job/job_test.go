package job_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
)

// webapp is a job with something of everything, complete and valid.
func webapp() job.Job {
	return job.Job{
		Name:         "webapp",
		NumInstances: new(3),
		Priority:     10,
		Ingress:      job.Ingresses{{Host: "webapp.example", Container: "app", Port: 3000, TLS: &job.TLS{ACME: true}}, {TCP: 5432, Container: "db", Port: 5432}},
		Containers: map[string]job.Container{
			"app": {
				Image:       "web-app-image",
				Entrypoint:  job.Words{"/bin/sh", "-c"},
				Command:     job.Words{"bin/rails s"},
				Environment: job.Environment{"RAILS_ENV": "production"},
				Secrets:     []job.Secret{{Name: "key", Env: "KEY"}, {Name: "cert"}, {Vault: &job.Vault{Path: "secret/data/a", Key: "k", Role: "r"}, File: "/run/token"}},
				Ports:       []job.Port{{Host: 80, Container: 3000}},
				DependsOn:   job.Dependencies{"db": {Condition: job.Healthy}},
				Memory:      2e9,
				CPUs:        500,
				Healthcheck: &job.Healthcheck{Type: job.HTTP, Port: 3000, Path: "/healthcheck"},
				Volumes:     []job.Volume{{Type: job.Shared, Path: "/data/shared", Space: 1e9}, {Path: "/data/scratch", Space: 1e8}},
				User:        "1000:1000",
				WorkingDir:  "/app",
				StopSignal:  "SIGINT",
			},
			"db": {
				Image:       "postgres:13",
				Memory:      4e9,
				Healthcheck: &job.Healthcheck{Type: job.Exec, Command: job.Words{"pg_isready"}},
				Volumes:     []job.Volume{{Name: "data", Path: "/var/lib/postgresql/data", Space: 1e10}},
			},
		},
		Placement: job.Placement{Requires: job.Labels{"disk": "ssd"}, Spread: "rack", MaxPerNode: 2},
	}.Default()
}

func TestDefault(t *testing.T) {
	plain := job.Job{Name: "a", Ingress: job.Ingresses{{Host: "a.example", Port: 80}}, Containers: map[string]job.Container{"only": {
		Image: "i", Healthcheck: &job.Healthcheck{Type: job.HTTP, Port: 80}, Secrets: []job.Secret{{Name: "s"}}, DependsOn: job.Dependencies{"x": {}},
	}}}
	got := plain.Default()
	want := job.Job{
		Name: "a", NumInstances: new(1), OnPartition: job.Stop,
		Ingress: job.Ingresses{{Host: "a.example", Path: "/", Container: "only", Port: 80}},
		Containers: map[string]job.Container{"only": {
			Image: "i", Restart: job.Restart{Policy: job.Always}, Memory: job.DefaultMemory, StopGracePeriod: job.Duration(10 * time.Second),
			Healthcheck: &job.Healthcheck{Type: job.HTTP, Port: 80, Path: "/", Interval: job.Duration(10 * time.Second), Timeout: job.Duration(5 * time.Second), HealthyThreshold: 1, UnhealthyThreshold: 3},
			Secrets:     []job.Secret{{Name: "s", File: "/run/secrets/s"}},
			DependsOn:   job.Dependencies{"x": {Condition: job.Started}},
		}},
		Update: job.Update{Order: job.StartFirst, MaxSurge: 1, HealthyWithin: job.Duration(5 * time.Minute), MinHealthy: job.Duration(5 * time.Second), Rollback: new(true)},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("is\n%s\nwant\n%s", written(t, got), written(t, want))
	}
	if plain.Containers["only"].Healthcheck.Path != "" || plain.Ingress[0].Path != "" || plain.Containers["only"].DependsOn["x"].Condition != "" {
		t.Error("the job it was made from has changed")
	}
	if again := got.Default(); !reflect.DeepEqual(again, got) {
		t.Errorf("a second time it is\n%s\nwant\n%s", written(t, again), written(t, got))
	}
}

// The default way to update depends on what two instances can have at once.
func TestDefaultUpdate(t *testing.T) {
	for name, c := range map[string]struct {
		job  job.Job
		want job.Update
	}{
		"nothing of its own": {job.Job{Containers: containers(job.Container{})}, job.Update{Order: job.StartFirst, MaxSurge: 1}},
		"a local volume":     {job.Job{Containers: containers(job.Container{Volumes: []job.Volume{{}}})}, job.Update{Order: job.StopFirst, MaxUnavailable: 1}},
		"a shared volume":    {job.Job{Containers: containers(job.Container{Volumes: []job.Volume{{Type: job.Shared}}})}, job.Update{Order: job.StartFirst, MaxSurge: 1}},
		"a port of the node": {job.Job{Containers: containers(job.Container{Ports: []job.Port{{}}})}, job.Update{Order: job.StopFirst, MaxUnavailable: 1}},
		"daemon":             {job.Job{Daemon: true}, job.Update{Order: job.StopFirst, MaxUnavailable: 1}},
		"said":               {job.Job{Daemon: true, Update: job.Update{MaxUnavailable: 3}}, job.Update{Order: job.StopFirst, MaxUnavailable: 3}},
	} {
		got := c.job.Default().Update
		if got.Order != c.want.Order || got.MaxSurge != c.want.MaxSurge || got.MaxUnavailable != c.want.MaxUnavailable {
			t.Errorf("%s: is %+v; want %+v", name, got, c.want)
		}
	}
	if got := (job.Job{Update: job.Update{HealthyWithin: job.Duration(4 * time.Second)}}).Default().Update; got.MinHealthy != job.Duration(2*time.Second) {
		t.Errorf("min_healthy is %s for a healthy_within of 4s; want 2s", got.MinHealthy)
	}
}

func TestInstances(t *testing.T) {
	for name, c := range map[string]struct {
		job       job.Job
		instances int
		unbounded bool
	}{
		"not said":            {job.Job{}, 1, false},
		"none":                {job.Job{NumInstances: new(0)}, 0, false},
		"three":               {job.Job{NumInstances: new(3)}, 3, false},
		"as work asks for":    {job.Job{Worklist: "primes"}, 1, true},
		"work, but at most 5": {job.Job{Worklist: "primes", NumInstances: new(5)}, 5, false},
	} {
		j := c.job.Default()
		if j.Instances() != c.instances || j.Unbounded() != c.unbounded {
			t.Errorf("%s: %d, unbounded %t; want %d, %t", name, j.Instances(), j.Unbounded(), c.instances, c.unbounded)
		}
	}
}

func TestNeeds(t *testing.T) {
	if got, want := webapp().Needs(), (job.Needs{Memory: 6e9, CPUs: 500, Local: 1e10 + 1e8, Shared: 1e9}); got != want {
		t.Errorf("needs %+v; want %+v", got, want)
	}
	twice := job.Job{Containers: map[string]job.Container{
		"a": {Volumes: []job.Volume{{Name: "data", Path: "/a", Space: 1e9}, {Path: "/own", Space: 1e9}, {Path: "/own2", Space: 1e9}}},
		"b": {Volumes: []job.Volume{{Name: "data", Path: "/b", Space: 1e9}}},
	}}.Default()
	if got := twice.Needs().Local; got != 3e9 {
		t.Errorf("needs %s; want 3G: a volume of one name is one volume", got)
	}
	if got := fmt.Sprint(webapp().HostPorts()); got != "[80:3000]" {
		t.Errorf("takes the ports %s; want [80:3000]", got)
	}
}

func TestOrder(t *testing.T) {
	for name, c := range map[string]struct {
		depends map[string][]string
		order   []string
		fault   string
	}{
		"by name":      {map[string][]string{"b": nil, "a": nil, "c": nil}, []string{"a", "b", "c"}, ""},
		"a chain":      {map[string][]string{"a": {"b"}, "b": {"c"}, "c": nil}, []string{"c", "b", "a"}, ""},
		"a diamond":    {map[string][]string{"app": {"db", "cache"}, "db": {"init"}, "cache": {"init"}, "init": nil}, []string{"init", "cache", "db", "app"}, ""},
		"not there":    {map[string][]string{"a": {"x"}}, []string{"a"}, ""},
		"itself":       {map[string][]string{"a": {"a"}}, nil, "containers.a.depends_on: goes round in a circle: a needs a; remove one of these"},
		"a circle":     {map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b"}}, nil, "containers.b.depends_on: goes round in a circle: b needs c needs b; remove one of these"},
		"no container": {nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			j := job.Job{Containers: map[string]job.Container{}}
			for name, needed := range c.depends {
				d := job.Dependencies{}
				for _, n := range needed {
					d[n] = job.Dependency{}
				}
				j.Containers[name] = job.Container{DependsOn: d}
			}
			order, err := j.Order()
			if err != nil && err.Error() != c.fault || err == nil && c.fault != "" || !slices.Equal(order, c.order) {
				t.Errorf("is %v, %v; want %v, %s", order, err, c.order, c.fault)
			}
		})
	}
}

// A job's revision changes if and only if its instances have to be replaced.
func TestRevision(t *testing.T) {
	container := func(change func(*job.Container)) func(*job.Job) {
		return func(j *job.Job) {
			c := j.Containers["app"]
			change(&c)
			j.Containers["app"] = c
		}
	}
	for name, change := range map[string]func(*job.Job){
		"scaled":            func(j *job.Job) { j.NumInstances = new(5) },
		"priority":          func(j *job.Job) { j.Priority++ },
		"reached otherwise": func(j *job.Job) { j.Ingress = nil },
		"placed otherwise":  func(j *job.Job) { j.Placement = job.Placement{} },
		"updated otherwise": func(j *job.Job) { j.Update.MaxUnavailable++ },
		"stays otherwise":   container(func(c *job.Container) { c.Volumes[1].Sticky = true }),
	} {
		j := webapp()
		if change(&j); j.Revision() != webapp().Revision() {
			t.Errorf("%s: the revision has changed", name)
		}
		if j.Equal(webapp()) {
			t.Errorf("%s: the jobs are taken for equal", name)
		}
	}
	for name, change := range map[string]func(*job.Job){
		"image":               container(func(c *job.Container) { c.Image = "other" }),
		"environment":         container(func(c *job.Container) { c.Environment["A"] = "b" }),
		"memory":              container(func(c *job.Container) { c.Memory++ }),
		"healthcheck":         container(func(c *job.Container) { c.Healthcheck.Path = "/" }),
		"volume":              container(func(c *job.Container) { c.Volumes[0].Space++ }),
		"another container":   func(j *job.Job) { j.Containers["x"] = job.Container{Image: "x"} },
		"sidecar":             func(j *job.Job) { j.Sidecars = []string{"envoy"} },
		"swarm":               func(j *job.Job) { j.Swarm = "streams" },
		"kept in a partition": func(j *job.Job) { j.OnPartition = job.Keep },
	} {
		j := webapp()
		if change(&j); j.Revision() == webapp().Revision() {
			t.Errorf("%s: the revision is the same", name)
		}
	}
	if !webapp().Equal(webapp()) {
		t.Error("a job is not equal to itself")
	}
	nothing := webapp()
	nothing.Sidecars = []string{}
	if !nothing.Equal(webapp()) {
		t.Error("an empty list is a difference")
	}
}

func TestRoundTrip(t *testing.T) {
	var again job.Job
	if err := json.Unmarshal([]byte(written(t, webapp())), &again); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(again, webapp()) {
		t.Errorf("is read back as\n%s\nwant\n%s", written(t, again), written(t, webapp()))
	}
}

func containers(c job.Container) map[string]job.Container { return map[string]job.Container{"a": c} }

func written(t *testing.T, j job.Job) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(j); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
