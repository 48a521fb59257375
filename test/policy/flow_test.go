package policy

import (
	"net/http"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Renewals, those of Swarms apart, the churn of Blocks and the controller each have their own seats at the API server.
func TestFlows(t *testing.T) {
	ns := newNamespace(t)
	names := map[string]string{}
	schemas, err := admin().clientset().FlowcontrolV1().FlowSchemas().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schemas.Items {
		names[string(s.UID)] = s.Name
	}
	ann, manager, serviceAccount := user("ann", "workers"), theController(), account(ns, "default")
	b := given(t, ann, ns)
	renew := func(by caller) error {
		return by.blocks(ns).patch(t.Context(), b.Name, `[{"op": "replace", "path": "/status/ready", "value": "1/1"}]`, "status")
	}
	a := joined(t, ann, ns, "laptop")
	acknowledge := func(by caller) error {
		return by.assignments(ns).patch(t.Context(), a.Name, `[{"op": "add", "path": "/status/version", "value": 3}]`, "status")
	}
	create := func(by caller) error {
		b := newBlock("", "primes")
		b.GenerateName = "primes-"
		_, err := by.blocks(ns).create(t.Context(), b)
		return err
	}
	for _, c := range []struct {
		what string
		by   caller
		call func(caller) error
		flow string
	}{
		{"a worker renews", ann, renew, "teamtask-leases"},
		{"a worker of a Swarm acknowledges", ann, acknowledge, "teamtask-members"},
		{"the controller acknowledges", manager, acknowledge, "teamtask-controller"},
		{"a worker asks for work", ann, create, "teamtask-churn"},
		{"an account asks for work", serviceAccount, create, "teamtask-churn"},
		{"a worker looks", ann, func(by caller) error { _, err := by.blocks(ns).get(t.Context(), b.Name); return err }, "global-default"},
		{"the controller writes a Block", manager, renew, "teamtask-controller"},
		{"the controller looks", manager, func(by caller) error { _, err := by.blocks(ns).get(t.Context(), b.Name); return err }, "teamtask-controller"},
	} {
		seen := ""
		c.by.config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(r *http.Request) (*http.Response, error) {
				resp, err := next.RoundTrip(r)
				if err == nil {
					seen = names[resp.Header.Get("X-Kubernetes-Pf-Flowschema-Uid")]
				}
				return resp, err
			})
		})
		if err := c.call(c.by); err != nil {
			t.Errorf("%s: %v", c.what, err)
		}
		if seen != c.flow {
			t.Errorf("%s: by FlowSchema %q, expected %q", c.what, seen, c.flow)
		}
	}
	for _, s := range schemas.Items {
		for _, condition := range s.Status.Conditions {
			if condition.Type == "Dangling" && condition.Status != "False" {
				t.Errorf("%s: %s", s.Name, condition.Message)
			}
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
