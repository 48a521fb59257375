package jobfile

import (
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"teamtask.dev/ozymandias/job"
)

// serviceExtension is what a service may say under x-ozymandias.
type serviceExtension struct {
	Ingress     job.Ingresses    `json:"ingress"`
	Priority    int              `json:"priority"`
	Worklist    string           `json:"worklist"`
	Swarm       string           `json:"swarm"`
	Sidecars    []string         `json:"sidecars"`
	Update      *job.Update      `json:"update"`
	Placement   *job.Placement   `json:"placement"`
	OnPartition job.OnPartition  `json:"on_partition"`
	Healthcheck *job.Healthcheck `json:"healthcheck"`
	Secrets     []job.Secret     `json:"secrets"`
}

// service makes a job of a service: one container, named like the job.
func (c *compose) service(s types.ServiceConfig) job.Job {
	path := "services." + s.Name
	j := job.Job{Name: s.Name}
	container := job.Container{
		Image:       s.Image,
		Restart:     c.restart(s, path),
		Entrypoint:  job.Words(s.Entrypoint),
		Command:     job.Words(s.Command),
		Environment: c.environment(s, path),
		Memory:      c.memory(s, path),
		CPUs:        c.cpus(s, path),
		Healthcheck: c.healthcheck(s, path),
		Volumes:     c.volumes(s, path),
		Secrets:     c.secrets(s, path),
		StopSignal:  s.StopSignal,
		User:        s.User,
		WorkingDir:  s.WorkingDir,
		ReadOnly:    s.ReadOnly,
	}
	if s.StopGracePeriod != nil {
		if *s.StopGracePeriod == 0 {
			c.fault(path+".stop_grace_period", "must be longer than 0: write 1s")
		}
		container.StopGracePeriod = job.Duration(*s.StopGracePeriod)
	}
	switch {
	case s.Build != nil && s.Image == "":
		c.fault(path+".build", "images are not built here: build one, name it in image, and `ozymandias image load` it")
		container.Image = "to-be-built" // said once is enough
	case s.Build != nil:
		c.warn(path+".build", "ignored: images are not built here: build %s, and `ozymandias image load` it", s.Image)
	}
	if len(s.DependsOn) > 0 {
		c.warn(path+".depends_on", "ignored: jobs start in any order, and one that ends without %s is restarted", strings.Join(slices.Sorted(maps.Keys(s.DependsOn)), " or "))
	}
	if s.Scale != nil {
		j.NumInstances = s.Scale
	}
	c.deploy(s.Deploy, path+".deploy", &j)
	c.extend(path, &j, &container)
	c.ports(s, path, &j, &container)
	j.Containers = map[string]job.Container{s.Name: container}
	return j
}

// extend adds what stands under x-ozymandias, which goes before what compose says.
func (c *compose) extend(path string, j *job.Job, container *job.Container) {
	var x serviceExtension
	c.extension(path, &x)
	j.Ingress, j.Priority, j.Worklist, j.Swarm, j.Sidecars, j.OnPartition = x.Ingress, x.Priority, x.Worklist, x.Swarm, x.Sidecars, x.OnPartition
	if x.Update != nil {
		j.Update = *x.Update
	}
	if x.Placement != nil {
		j.Placement = *x.Placement
	}
	if x.Healthcheck != nil {
		container.Healthcheck = x.Healthcheck
	}
	container.Secrets = append(x.Secrets, container.Secrets...)
}

// restart follows deploy.restart_policy, then restart; without either it is a stack's default, not compose's.
func (c *compose) restart(s types.ServiceConfig, path string) job.Restart {
	if s.Deploy != nil && s.Deploy.RestartPolicy != nil {
		return c.restartPolicy(s.Deploy.RestartPolicy, path+".deploy.restart_policy")
	}
	switch s.Restart {
	case "":
		c.warn(path, "restart is not said: always is taken, where docker compose would not restart it; say restart")
		return job.Restart{Policy: job.Always}
	case "unless-stopped":
		return job.Restart{Policy: job.Always}
	}
	restart, err := job.ParseRestart(s.Restart)
	if err != nil {
		c.fault(path+".restart", "%s", err)
		return job.Restart{Policy: job.Always}
	}
	return restart
}

func (c *compose) restartPolicy(p *types.RestartPolicy, path string) job.Restart {
	if p.Delay != nil {
		c.warn(path+".delay", "ignored: restarts come after growing pauses")
	}
	if p.Window != nil {
		c.warn(path+".window", "ignored: restarts come after growing pauses")
	}
	switch p.Condition {
	case "none":
		return job.Restart{Policy: job.Never}
	case "on-failure":
		if p.MaxAttempts != nil && *p.MaxAttempts <= 1_000_000 {
			return job.Restart{Policy: job.OnFailure, Tries: int(*p.MaxAttempts)}
		}
		return job.Restart{Policy: job.OnFailure}
	case "", "any":
		if p.MaxAttempts != nil {
			c.warn(path+".max_attempts", "ignored: tries are counted with condition on-failure only")
		}
		return job.Restart{Policy: job.Always}
	}
	c.fault(path+".condition", "%q is neither none, on-failure nor any", p.Condition)
	return job.Restart{Policy: job.Always}
}

func (c *compose) environment(s types.ServiceConfig, path string) job.Environment {
	environment := job.Environment{}
	for _, name := range slices.Sorted(maps.Keys(s.Environment)) {
		if value := s.Environment[name]; value != nil {
			environment[name] = *value
		} else {
			c.fault(path+".environment", "%s has no value: give it one (nothing is taken from the environment of whoever reads this)", name)
		}
	}
	return environment
}

// memory is the container's limit, or what it reserves: a job has one number for both.
func (c *compose) memory(s types.ServiceConfig, path string) job.Size {
	type source struct {
		path  string
		bytes types.UnitBytes
	}
	limits, reservations := source{path + ".mem_limit", s.MemLimit}, source{path + ".mem_reservation", s.MemReservation}
	if s.Deploy != nil {
		if l := s.Deploy.Resources.Limits; l != nil && l.MemoryBytes != 0 {
			limits = source{path + ".deploy.resources.limits.memory", l.MemoryBytes}
		}
		if r := s.Deploy.Resources.Reservations; r != nil && r.MemoryBytes != 0 {
			reservations = source{path + ".deploy.resources.reservations.memory", r.MemoryBytes}
		}
	}
	switch {
	case limits.bytes != 0:
		if reservations.bytes != 0 && reservations.bytes != limits.bytes {
			c.warn(reservations.path, "ignored: the limit, %s, is what is counted", job.Size(limits.bytes))
		}
		return job.Size(limits.bytes)
	case reservations.bytes != 0:
		c.warn(reservations.path, "is taken as the limit too: %s", job.Size(reservations.bytes))
		return job.Size(reservations.bytes)
	}
	c.warn(path, "memory is not said: %s is counted, and more is not given; say mem_limit", job.DefaultMemory)
	return job.DefaultMemory
}

// cpus is what the container reserves, or its limit, which is not held here.
func (c *compose) cpus(s types.ServiceConfig, path string) job.CPUs {
	limit, at := float64(s.CPUS), path+".cpus"
	if s.Deploy != nil {
		if r := s.Deploy.Resources.Reservations; r != nil && r.NanoCPUs != 0 {
			return thousandths(float64(r.NanoCPUs))
		}
		if l := s.Deploy.Resources.Limits; l != nil && l.NanoCPUs != 0 {
			limit, at = float64(l.NanoCPUs), path+".deploy.resources.limits.cpus"
		}
	}
	if limit != 0 {
		c.warn(at, "is counted and assured, but no limit: a container may use what the others leave")
	}
	return thousandths(limit)
}

// thousandths rounds a number of processors up. What is out of range stays so, and is found when the job is validated.
func thousandths(cpus float64) job.CPUs {
	const most = 1e7
	n := math.Ceil(math.Round(cpus*1e6) / 1e3)
	if !(n >= 0) { // NaN too
		return -1
	}
	return job.CPUs(min(n, most))
}

// healthcheck has compose's defaults where they are not a job's.
func (c *compose) healthcheck(s types.ServiceConfig, path string) *job.Healthcheck {
	h := s.HealthCheck
	path += ".healthcheck"
	if h == nil || h.Disable || len(h.Test) > 0 && h.Test[0] == "NONE" {
		return nil
	}
	check := &job.Healthcheck{
		Type:               job.Exec,
		Interval:           or(h.Interval, 30*time.Second),
		Timeout:            or(h.Timeout, 30*time.Second),
		StartPeriod:        or(h.StartPeriod, 0),
		HealthyThreshold:   1,
		UnhealthyThreshold: 3,
	}
	if h.Retries != nil && *h.Retries > 0 {
		check.UnhealthyThreshold = int(min(*h.Retries, math.MaxInt32))
	}
	if h.StartInterval != nil {
		c.warn(path+".start_interval", "ignored: checks are made at one interval")
	}
	switch {
	case len(h.Test) == 0:
		c.warn(path, "ignored: it has no test, and the image's own is not used")
		return nil
	case h.Test[0] == "CMD":
		check.Command = job.Words(h.Test[1:])
	default: // CMD-SHELL, see checkTest
		check.Command = append(job.Words{"/bin/sh", "-c"}, h.Test[1:]...)
	}
	return check
}

func or(d *types.Duration, otherwise time.Duration) job.Duration {
	if d == nil || *d == 0 { // which is docker's default as well
		return job.Duration(otherwise)
	}
	return job.Duration(*d)
}

// secrets come from the cluster, by the names they have in the file.
func (c *compose) secrets(s types.ServiceConfig, path string) []job.Secret {
	var secrets []job.Secret
	for i, from := range s.Secrets {
		secret := job.Secret{Name: from.Source, File: from.Target}
		if !strings.HasPrefix(secret.File, "/") && secret.File != "" {
			secret.File = "/run/secrets/" + secret.File
		}
		if from.UID != "" || from.GID != "" || from.Mode != nil {
			c.warn(fmt.Sprintf("%s.secrets[%d]", path, i), "uid, gid and mode are ignored: the container's user can read it, and nobody else")
		}
		if defined := c.project.Secrets[from.Source]; !defined.External {
			c.warn("secrets."+from.Source, "is not read: the cluster's secret %q is taken", from.Source)
		}
		secrets = append(secrets, secret)
	}
	return secrets
}

// ports become ways in through every node, as in a stack, or the node's own ports where that is asked for.
func (c *compose) ports(s types.ServiceConfig, path string, j *job.Job, container *job.Container) {
	for _, p := range s.Ports {
		published, err := strconv.ParseUint(p.Published, 10, 16)
		switch {
		case p.Published == "":
			c.warn(path+".ports", "%d is ignored: it is not published at a port of its own, and %s", p.Target, openPorts)
			continue
		case err != nil || published == 0 || p.Target == 0 || p.Target > 65535:
			c.fault(path+".ports", "%q is no single port from 1 to 65535: write HOST:CONTAINER", p.Published)
			continue
		case p.Protocol == "tcp" && p.Mode != "host" && p.HostIP == "":
			c.warn(path+".ports", "%d leads to any instance of %s, through every node", published, s.Name)
			j.Ingress = append(j.Ingress, job.Ingress{TCP: int(published), Container: s.Name, Port: int(p.Target)})
			continue
		}
		port := job.Port{Host: uint16(published), Container: uint16(p.Target), Protocol: job.Protocol(p.Protocol)}
		if p.HostIP != "" {
			if port.IP, err = netip.ParseAddr(p.HostIP); err != nil {
				c.fault(path+".ports", "%q is no IP address", p.HostIP)
				continue
			}
			if port.IP.IsUnspecified() {
				port.IP = netip.Addr{}
			}
		}
		c.warn(path+".ports", "%s is open on the nodes that run %s, and only one instance fits on a node", port, s.Name)
		container.Ports = append(container.Ports, port)
	}
}
