package sidecar

import (
	"encoding/json"
	"fmt"

	"teamtask.dev/ozymandias/job"
)

// The ports that Envoy listens on in each pod. Those from 15000 on are where people look who know it from Istio.
const (
	adminPort  = 9901
	egressPort = 15001
	readyPort  = 15021
)

// maxArgument is the most bytes of one argument of a program (MAX_ARG_STRLEN, execve(2)).
const maxArgument = 128<<10 - 1

// envoy makes the container of Envoy (https://www.envoyproxy.io). The version is the one whose API the tests know.
func envoy(j job.Job, others []job.Job) (job.Container, []job.Fault) {
	ports := ownPorts(j)
	var faults []job.Fault
	for _, port := range []int{adminPort, egressPort, readyPort} {
		if path, taken := ports[port]; taken {
			faults = append(faults, job.Fault{Path: path, Message: fmt.Sprintf("is %d, which sidecar envoy listens on: choose another port", port)})
		}
		ports[port] = ""
	}
	config, err := json.Marshal(bootstrap(j.Name, others, ports))
	if err != nil {
		panic(err) // text and numbers can be written
	}
	if len(config) > maxArgument {
		faults = append(faults, job.Fault{Message: fmt.Sprintf("\"envoy\" would get a configuration of %d bytes for the %d jobs there are; "+
			"at most %d fit on a command line: remove it", len(config), len(others), maxArgument)})
	}
	return job.Container{
		Image: "docker.io/envoyproxy/envoy:v1.37.0",
		// Not the image's own, a script that gives up the root's rights: ports below 1024 could not be had. JSON is YAML. No hot restart: it
		// takes memory shared by all of a machine.
		Entrypoint:  job.Words{"envoy"},
		Command:     job.Words{"--config-yaml", string(config), "--log-level", "warning", "--disable-hot-restart"},
		Memory:      128 << 20,
		Healthcheck: &job.Healthcheck{Type: job.HTTP, Port: readyPort, Path: "/", Interval: job.Duration(5e9)},
	}, faults
}

// ownPorts are those on which the job's containers are known to listen, and where it says so.
func ownPorts(j job.Job) map[int]string {
	ports := map[int]string{}
	for name, c := range j.Containers {
		for i, p := range c.Ports {
			ports[int(p.Container)] = fmt.Sprintf("containers.%s.ports[%d]", name, i)
		}
		if h := c.Healthcheck; h != nil && h.Port > 0 {
			ports[h.Port] = "containers." + name + ".healthcheck.port"
		}
	}
	for i, in := range j.Ingress {
		ports[in.Port] = fmt.Sprintf("ingress[%d].port", i)
	}
	return ports
}
