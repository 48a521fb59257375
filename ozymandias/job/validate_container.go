package job

import (
	"fmt"
	"slices"
	"strings"
)

// validateContainers checks each container, and what they have together.
func (j Job) validateContainers(f *faults) {
	if len(j.Containers) == 0 {
		f.add("containers", "is missing: a job has at least one container")
	}
	if len(j.Containers) > maxContainers {
		f.add("containers", "there are %d; at most %d", len(j.Containers), maxContainers)
	}
	for _, name := range j.names() {
		path := "containers." + name
		if why := badLabel(name, 50); why != "" {
			f.add(path, "%s", why)
		}
		j.Containers[name].validate(f, path)
		j.validateDependencies(f, path, name)
	}
	if _, err := j.Order(); err != nil {
		*f = append(*f, err.(Fault))
	}
	j.validatePorts(f)
	j.validateVolumes(f)
	j.validateTotals(f)
}

// validate checks what a container says about itself.
func (c Container) validate(f *faults, path string) {
	switch {
	case c.Image == "":
		f.add(path+".image", "is missing: write the image to run")
	case len(c.Image) > 500 || strings.ContainsFunc(c.Image, func(r rune) bool { return r <= ' ' || control(r) }):
		f.add(path+".image", "%s", quoted(c.Image, "is no image: at most 500 bytes without blanks, as in postgres:13"))
	}
	if _, err := ParseRestart(c.Restart.String()); err != nil {
		f.add(path+".restart", "%s", err)
	}
	words(f, path+".entrypoint", c.Entrypoint)
	words(f, path+".command", c.Command)
	for _, name := range sorted(c.Environment) {
		if why := badVariable(name); why != "" {
			f.add(path+".environment", "%s", why)
		} else if strings.Contains(c.Environment[name], "\x00") {
			f.add(path+".environment."+name, "has a NUL: no variable can hold it")
		}
	}
	c.validateSecrets(f, path)
	if c.Memory < minMemory {
		f.add(path+".memory", "is %s; at least %s", c.Memory, minMemory)
	}
	if c.CPUs < 0 {
		f.add(path+".cpus", "is %s; must be 0 or more", c.CPUs)
	}
	if c.Healthcheck != nil {
		c.Healthcheck.validate(f, path+".healthcheck")
	}
	duration(f, path+".stop_grace_period", c.StopGracePeriod)
	if s := c.StopSignal; s != "" && !slices.Contains(signals, strings.TrimPrefix(s, "SIG")) {
		f.add(path+".stop_signal", "%s", quoted(s, "is no signal: write a name, as in SIGTERM or SIGINT"))
	}
	if strings.ContainsFunc(c.User, func(r rune) bool { return r <= ' ' || control(r) }) || strings.Count(c.User, ":") > 1 {
		f.add(path+".user", "%s", quoted(c.User, "is no user: write a name or a number, with :GROUP if need be"))
	}
	if why := badPath(c.WorkingDir); c.WorkingDir != "" && why != "" {
		f.add(path+".working_dir", "%s", why)
	}
	if why := badLabel(c.Sidecar, 50); c.Sidecar != "" && why != "" {
		f.add(path+".sidecar", "%s", why)
	}
}

// signals that can ask a process to end, or that programs take for it (signal(7)).
var signals = []string{"ABRT", "ALRM", "CONT", "HUP", "INT", "KILL", "PIPE", "PWR", "QUIT", "STOP", "TERM", "TSTP", "TTIN", "TTOU", "URG", "USR1", "USR2", "WINCH"}

// words checks a program and its arguments.
func words(f *faults, path string, w Words) {
	for i, word := range w {
		if strings.Contains(word, "\x00") {
			f.add(fmt.Sprintf("%s[%d]", path, i), "has a NUL: no argument can hold it")
		}
	}
	if len(w) > 0 && strings.HasSuffix(path, "entrypoint") && w[0] == "" {
		f.add(path, "begins with an empty word: write a program")
	}
}

// validateDependencies checks that what a container waits for can come.
func (j Job) validateDependencies(f *faults, path, name string) {
	depends := j.Containers[name].DependsOn
	for _, needed := range sorted(depends) {
		at := path + ".depends_on." + needed
		other, exists := j.Containers[needed]
		switch condition := depends[needed].Condition; {
		case !exists:
			f.add(at, "there is no container %q in this job: write %s", needed, list(slices.DeleteFunc(j.names(), func(n string) bool { return n == name })))
		case condition == "service_completed_successfully":
			f.add(at+".condition", "%q is not known here: write service_started or service_healthy, or do what has to be done first in the entrypoint", condition)
		case condition != Started && condition != Healthy:
			f.add(at+".condition", "%q is neither service_started nor service_healthy", condition)
		case condition == Healthy && other.Healthcheck == nil:
			f.add(at+".condition", "%s has no healthcheck to become healthy by: give it one, or write service_started", needed)
		}
	}
}

// validateSecrets checks where secrets come from and go to.
func (c Container) validateSecrets(f *faults, path string) {
	if len(c.Secrets) > maxEach {
		f.add(path+".secrets", "there are %d; at most %d", len(c.Secrets), maxEach)
	}
	for i, s := range c.Secrets {
		path := fmt.Sprintf("%s.secrets[%d]", path, i)
		switch v := s.Vault; {
		case (s.Name == "") == (v == nil):
			f.add(path, "write either the name of a secret, or where it is in vault")
		case v == nil:
			if why := badName(s.Name); why != "" {
				f.add(path+".name", "%s", why)
			}
		default:
			for _, part := range []struct{ name, value string }{{"path", v.Path}, {"key", v.Key}, {"role", v.Role}} {
				if part.value == "" || len(part.value) > 1024 || strings.ContainsFunc(part.value, control) {
					f.add(path+".vault."+part.name, "is missing, too long, or has control characters: at most 1024 bytes of text")
				}
			}
		}
		switch {
		case (s.Env == "") == (s.File == ""):
			f.add(path, "write either env, the variable that gets it, or file")
		case s.File != "":
			if why := badPath(s.File); why != "" {
				f.add(path+".file", "%s", why)
			}
		default:
			if why := badVariable(s.Env); why != "" {
				f.add(path+".env", "%s", why)
			} else if _, taken := c.Environment[s.Env]; taken {
				f.add(path+".env", "%s stands in environment too: remove one", s.Env)
			}
		}
		for k, other := range c.Secrets[:i] {
			if s.Env != "" && s.Env == other.Env || s.File != "" && s.File == other.File {
				f.add(path, "goes to the same place as secrets[%d]: remove one", k)
				break
			}
		}
	}
}

// validate checks that a healthcheck can be made.
func (h Healthcheck) validate(f *faults, path string) {
	switch h.Type {
	case HTTP, TCP:
		port(f, path+".port", h.Port)
		if len(h.Command) > 0 {
			f.add(path+".command", "belongs to type exec; this is %s: remove it", h.Type)
		}
	case Exec:
		if len(h.Command) == 0 {
			f.add(path+".command", "is missing: write the command to run in the container")
		}
		if h.Port != 0 {
			f.add(path+".port", "is %d, but belongs to type http or tcp; this is exec: remove it", h.Port)
		}
	case "":
		f.add(path+".type", "is missing: write http, tcp or exec")
	default:
		f.add(path+".type", "%s", quoted(string(h.Type), "is neither http, tcp nor exec"))
	}
	if h.Type == HTTP {
		if why := badURLPath(h.Path); why != "" {
			f.add(path+".path", "%s", why)
		}
	} else if h.Path != "" && (h.Type == TCP || h.Type == Exec) {
		f.add(path+".path", "%s", quoted(h.Path, "belongs to type http; this is "+string(h.Type)+": remove it"))
	}
	words(f, path+".command", h.Command)
	duration(f, path+".interval", h.Interval)
	duration(f, path+".timeout", h.Timeout)
	duration(f, path+".start_period", h.StartPeriod)
	if h.Interval > 0 && h.Interval < second {
		f.add(path+".interval", "is %s; at least 1s", h.Interval)
	}
	for _, n := range []struct {
		name  string
		value int
	}{{"healthy_threshold", h.HealthyThreshold}, {"unhealthy_threshold", h.UnhealthyThreshold}} {
		if n.value < 1 || n.value > 100 {
			f.add(path+"."+n.name, "is %d; must be 1 to 100", n.value)
		}
	}
}
