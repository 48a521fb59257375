package routes_test

import (
	"strings"
	"testing"

	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
)

// A problem is told of the jobs that lose something by it, and of no others.
func TestJobsThatAProblemTouches(t *testing.T) {
	table := routes.Of(schedule.State{Jobs: []schedule.Job{
		web("u1", "plain", host("a.example")),
		web("u2", "secure", job.Ingress{Host: "b.example", Port: 1, TLS: &job.TLS{ACME: true}}),
		web("u3", "beside", job.Ingress{Host: "b.example", Path: "/x", Port: 1}), // and so behind the same certificate
		web("u4", "db", job.Ingress{TCP: 5432, Port: 1}),
		web("u5", "late", job.Ingress{TCP: 5432, Port: 1}, host("a.example")), // gets nothing of what it claims
		web("u6", "inside"),
	}})
	for _, c := range []struct {
		problem schedule.IngressProblem
		want    string
	}{
		{schedule.IngressProblem{Scheme: "http"}, "plain secure beside"},
		{schedule.IngressProblem{Scheme: "https"}, "secure beside"},
		{schedule.IngressProblem{Host: "a.example"}, "plain"},
		{schedule.IngressProblem{Host: "b.example"}, "secure beside"},
		{schedule.IngressProblem{Host: "c.example"}, ""},
		{schedule.IngressProblem{TCP: 5432}, "db"},
		{schedule.IngressProblem{TCP: 5433}, ""},
	} {
		var touched []string
		for _, name := range []string{"plain", "secure", "beside", "db", "late", "inside"} {
			if table.Touches(name, c.problem) {
				touched = append(touched, name)
			}
		}
		if got := strings.Join(touched, " "); got != c.want {
			t.Errorf("%+v touches %q, want %q", c.problem, got, c.want)
		}
	}
}
