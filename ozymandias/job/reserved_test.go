package job_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/job"
)

// What wants a port that the cluster has itself on every node is told whose it is. A nameserver of somebody's own may be at another address than
// the cluster's. A job that is stored has no fault, or nothing could be done with it any more.
func TestReserved(t *testing.T) {
	for port, want := range map[string]string{
		"tcp 53":                "port 53 is the nameserver's on every node: write another one",
		"tcp 1053":              "port 1053 is the nameserver's on every node: write another one",
		"tcp 1054":              "port 1054 is the nameserver's on every node: write another one",
		"tcp 7700":              "port 7700 is the API's on every node: write another one",
		"tcp 7701":              "port 7701 is etcd's, for its clients, on every node: write another one",
		"tcp 7702":              "port 7702 is etcd's, for its members, on every node: write another one",
		"tcp 7703":              "",
		"tcp 8472":              "",
		"53:5353":               "port 53 is the nameserver's on every node: write another one, or at which address of the node, as in 192.0.2.1:53:5353",
		"53:53/udp":             "port 53 is the nameserver's on every node: write another one, or at which address of the node, as in 192.0.2.1:53:53/udp",
		"1053:53/udp":           "port 1053 is the nameserver's on every node: write another one, or at which address of the node, as in 192.0.2.1:1053:53/udp",
		"1054:53":               "port 1054 is the nameserver's on every node: write another one, or at which address of the node, as in 192.0.2.1:1054:53",
		"192.0.2.7:53:53/udp":   "",
		"127.0.0.1:53:53":       "",
		"7700:80":               "port 7700 is the API's on every node: write another one",
		"7700:80/udp":           "",
		"192.0.2.7:7701:80":     "port 7701 is etcd's, for its clients, on every node: write another one",
		"7702:7702":             "port 7702 is etcd's, for its members, on every node: write another one",
		"8472:8472/udp":         "port 8472 is the pods' network's on every node: write another one",
		"127.0.0.1:8472:80/udp": "port 8472 is the pods' network's on every node: write another one",
		"8472:8472":             "",
		"8080:53":               "",
	} {
		t.Run(port, func(t *testing.T) {
			j, path := ported(t, port)
			var faults []job.Fault
			if want != "" {
				faults = []job.Fault{{Path: path, Message: want}}
			}
			if got := j.Reserved(); !slices.Equal(got, faults) {
				t.Errorf("the faults are %v, not %v", got, faults)
			}
			if stored := j.Default().Validate(); len(stored) > 0 {
				t.Errorf("it could not be stored: %v", stored)
			}
		})
	}
}

// ported is a job that has a port of the nodes: with "tcp 80" by an ingress, or else published.
func ported(t *testing.T, port string) (j job.Job, path string) {
	t.Helper()
	app := job.Container{Image: "a"}
	j = job.Job{Name: "a", Containers: map[string]job.Container{}}
	if text, ingress := strings.CutPrefix(port, "tcp "); ingress {
		number, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		j.Ingress, path = job.Ingresses{{TCP: number, Container: "app", Port: 80}}, "ingress[0].tcp"
	} else {
		p, err := job.ParsePort(port)
		if err != nil {
			t.Fatal(err)
		}
		app.Ports, path = []job.Port{p}, "containers.app.ports[0]"
	}
	j.Containers["app"] = app
	return j, path
}
