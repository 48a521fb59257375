package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/state"
)

// local is a node's API without a network.
func local(t *testing.T, cluster *apitest.Cluster) http.Handler {
	t.Helper()
	a, err := api.New(cluster.Options())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a.Local()
}

func call(h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	return w
}

// Whatever is refused, by us or by the library, is a problem with a type and says what is wrong.
func TestProblems(t *testing.T) {
	h := local(t, apitest.New(t))
	for _, c := range []struct {
		method, path, body string
		status             int
		kind               v1.ProblemType
		says               string
	}{
		{"GET", "/v1/pods", "", 404, v1.NotFound, "there is nothing at /v1/pods"},
		{"POST", "/v1/nodes", "", 405, v1.MethodNotAllowed, "/v1/nodes takes GET, not POST"},
		{"GET", "/v1/jobs/web", "", 404, v1.NotFound, `there is no job "web"`},
		{"GET", "/v1/instances?job=web", "", 404, v1.NotFound, `there is no job "web"`},
		{"GET", "/v1/instances?jbo=web", "", 422, v1.Invalid, "jbo: unknown query parameter"},
		{"GET", "/v1/events?job=web", "", 404, v1.NotFound, `there is no job "web"`},
		{"GET", "/v1/nodes/n9/explanation", "", 404, v1.NotFound, `there is no node "n9"`},
		{"GET", "/v1/instances/web-0/logs", "", 404, v1.NotFound, `there is no instance "web-0"`},
		{"PATCH", "/v1/jobs/web", `{"numInstances": 10001}`, 422, v1.Invalid, "numInstances: expected number <= 10000"},
		{"PATCH", "/v1/jobs/web", `{"numInstances": 3}`, 404, v1.NotFound, `there is no job "web"`},
		{"PATCH", "/v1/jobs/web", `{"instances": 3}`, 422, v1.Invalid, "instances: unexpected property"},
		{"DELETE", "/v1/jobs/web?wait=soon", "", 422, v1.Invalid, `wait: invalid value: time: invalid duration "soon"`},
		{"DELETE", "/v1/nodes/n9", "", 404, v1.NotFound, `there is no node "n9"`},
		{"PUT", "/v1/jobs", "", 400, v1.Invalid, "request body is required"},
		{"PUT", "/v1/jobs", "[]", 422, v1.BadJobFile, "job file:1:1: is a list"},
		{"POST", "/v1/jobs/web/rollback", "", 404, v1.NotFound, `there is no job "web"`},
	} {
		w := call(h, c.method, c.path, c.body)
		var p v1.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != c.status || p.Status != c.status || !p.Of(c.kind) || !strings.Contains(p.Detail, c.says) ||
			w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d %s", c.method, c.path, w.Code, w.Body)
		}
	}
}

// All calls are described, each with a summary and what its problems look like.
func TestOpenAPI(t *testing.T) {
	w := call(local(t, apitest.New(t)), "GET", "/openapi.json", "")
	var described struct {
		Paths map[string]map[string]struct {
			Summary   string
			Responses map[string]any
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &described); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for path, methods := range described.Paths {
		for method, op := range methods {
			calls++
			if op.Summary == "" || op.Responses["default"] == nil && !strings.HasSuffix(path, "/logs") && !strings.HasSuffix(path, "/exec") && !strings.HasSuffix(path, "/usage") {
				t.Errorf("%s %s: %+v", method, path, op)
			}
		}
	}
	if calls < 25 || described.Paths["/v1/instances/{name}/exec"] == nil {
		t.Errorf("%d calls are described", calls)
	}
	if problem := regexp.MustCompile(`"refusals"`); !problem.Match(w.Body.Bytes()) {
		t.Error("problems are not described")
	}
}

// Metrics tell of nodes and jobs.
func TestMetrics(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	h := local(t, cluster)
	cluster.Node("n1", "127.0.0.1", 4e9)
	apply(t, c, webapp, client.Room{})
	cluster.Settle()
	cluster.Node("n2", "127.0.0.1", 4e9)
	cluster.Kill("n2")
	text := call(h, "GET", "/metrics", "").Body.String()
	for _, line := range []string{
		`ozymandias_state_readable 1`, `ozymandias_node_phase{node="n1",phase="Ready"} 1`, `ozymandias_node_phase{node="n2",phase="Lost"} 1`, `ozymandias_node_load{node="n1"} 0.25`,
		`ozymandias_node_capacity{node="n1",resource="memory"} 4e+09`, `ozymandias_node_planned{node="n1",resource="memory"} 2e+09`,
		`ozymandias_node_capacity{node="n1",resource="cpu"} 4`, `ozymandias_job_instances_wanted{job="web"} 2`, `ozymandias_job_instances_healthy{job="web"} 2`,
		`ozymandias_job_instances_waiting{job="web"} 0`, `ozymandias_job_revision{job="web"} 1`, `ozymandias_instance_restarts{instance="web-0",node="n1"} 0`,
	} {
		if !slices.Contains(strings.Split(text, "\n"), line) {
			t.Errorf("there is no %s", line)
		}
	}
	if !regexp.MustCompile(`(?m)^ozymandias_decisions_total [1-9]`).MatchString(text) {
		t.Error("no decisions are counted")
	}
}

// A node is ready when it can read the state.
func TestReady(t *testing.T) {
	cluster := apitest.New(t)
	h := local(t, cluster)
	if w := call(h, "GET", "/readyz", ""); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	_, _, changed := cluster.Mirror.State()
	if _, err := cluster.Etcd.Put(t.Context(), "/ozymandias/jobs/x", "what is this"); err != nil {
		t.Fatal(err)
	}
	<-changed
	if w := call(h, "GET", "/readyz", ""); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "errors#state-unreadable") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := call(h, "PUT", "/v1/jobs?wait=true", webapp); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "errors#state-unreadable") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What is explained without etcd is how things stood when it last answered, and begins with that.
func TestExplainWithoutEtcd(t *testing.T) {
	cluster := apitest.New(t)
	o := cluster.Options()
	closed, err := clientv3.New(clientv3.Config{Endpoints: cluster.Etcd.Endpoints()})
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	o.Store = state.New(closed)
	a, err := api.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	if w := call(a.Local(), "GET", "/v1/explanation", ""); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `["Etcd does not answer`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := call(local(t, cluster), "GET", "/v1/explanation", ""); w.Code != http.StatusOK || strings.Contains(w.Body.String(), "Etcd") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// Whoever looks at a node that has not heard of etcd for a while is told so.
func TestWarnsOfSilence(t *testing.T) {
	h := local(t, apitest.New(t))
	if w := call(h, "GET", "/v1/nodes", ""); w.Code != http.StatusOK || w.Header().Get("Warning") != "" {
		t.Errorf("%d %s", w.Code, w.Header())
	}
	api.Impatient(t, 0)
	if w := call(h, "GET", "/v1/nodes", ""); w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Warning"), `299 - "n1 has heard nothing of etcd for `) {
		t.Errorf("%d %s", w.Code, w.Header())
	}
}

// Who labels a node sees it, in the answer and in what is asked next.
func TestLabelled(t *testing.T) {
	cluster := apitest.New(t)
	cluster.Node("n1", "192.0.2.1", 4e9)
	_, c := cluster.Serve(cluster.Options())
	for i := range 100 {
		zone := fmt.Sprint(i)
		set, err := c.Label(t.Context(), "n1", map[string]*string{"zone": &zone})
		if err != nil || set.Labels["zone"] != zone {
			t.Fatalf("%d: the answer has %v, %v", i, set.Labels, err)
		}
		bare, err := c.Label(t.Context(), "n1", map[string]*string{"zone": nil})
		if err != nil || len(bare.Labels) != 0 {
			t.Fatalf("%d: the answer has %v, %v", i, bare.Labels, err)
		}
	}
}
