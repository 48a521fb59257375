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
