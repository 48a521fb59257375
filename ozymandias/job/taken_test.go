package job_test

import (
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
)

func TestLeavePorts(t *testing.T) {
	for name, c := range map[string]struct {
		ingress job.Ingress
		ports   string
		kept    string
	}{
		"the ingress is there already":  {job.Ingress{Host: "a.example", Container: "app", Port: 3000}, "80:3000", ""},
		"it leads elsewhere":            {job.Ingress{Host: "a.example", Container: "app", Port: 3001}, "80:3000", "80:3000"},
		"it leads to another container": {job.Ingress{Host: "a.example", Container: "db", Port: 3000}, "80:3000", "80:3000"},
		"another port":                  {job.Ingress{Host: "a.example", Container: "app", Port: 3000}, "8080:3000 80:3000", "8080:3000"},
		"another protocol":              {job.Ingress{Host: "a.example", Container: "app", Port: 3000}, "80:3000/udp", "80:3000/udp"},
		"TCP":                           {job.Ingress{TCP: 5432, Container: "app", Port: 5432}, "5432:5432", ""},
		"TCP elsewhere":                 {job.Ingress{TCP: 5432, Container: "app", Port: 5432}, "5433:5432", "5433:5432"},
	} {
		t.Run(name, func(t *testing.T) {
			var ports []job.Port
			for p := range strings.FieldsSeq(c.ports) {
				port, err := job.ParsePort(p)
				if err != nil {
					t.Fatal(err)
				}
				ports = append(ports, port)
			}
			j := job.Job{Name: "a", Ingress: job.Ingresses{c.ingress}, Containers: map[string]job.Container{"app": {Image: "a", Ports: ports}, "db": {Image: "b"}}}
			left, said := j.LeavePorts([]uint16{80, 443})
			var kept []string
			for _, p := range left.Containers["app"].Ports {
				kept = append(kept, p.String())
			}
			if got := strings.Join(kept, " "); got != c.kept {
				t.Errorf("kept %q, not %q", got, c.kept)
			}
			if len(said) != len(ports)-len(kept) {
				t.Errorf("says %q", said)
			}
			if len(j.Containers["app"].Ports) != len(ports) {
				t.Error("the job itself was changed")
			}
		})
	}
}

// What is for connections to the ports of HTTP is a fault, and so is what is published there; requests by HTTP, connections to other ports, and
// what leads to the same place as an ingress are not.
func TestTakenByHTTP(t *testing.T) {
	j := job.Job{Ingress: job.Ingresses{{Host: "a.example", Container: "app", Port: 8080}, {TCP: 5432}, {TCP: 443}}}
	found := j.TakenByHTTP([]uint16{80, 443})
	if len(found) != 1 || found[0].Path != "ingress[2].tcp" || !strings.Contains(found[0].Message, "port 443") {
		t.Errorf("the faults are %v", found)
	}
	j.Ingress = j.Ingress[:2]
	tcp := func(host, container uint16) job.Port {
		return job.Port{Host: host, Container: container, Protocol: job.TCPProtocol}
	}
	j.Containers = map[string]job.Container{"app": {Ports: []job.Port{tcp(80, 8080), tcp(8080, 80), {Host: 443, Container: 443, Protocol: job.UDPProtocol}, tcp(443, 8443)}}}
	found = j.TakenByHTTP([]uint16{80, 443})
	if len(found) != 1 || found[0].Path != "containers.app.ports[3]" || found[0].Message != "port 443 is the ingress's on every node: write another one, or an ingress that leads to port 8443 of app" {
		t.Errorf("the faults are %v", found)
	}
}
