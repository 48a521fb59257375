package workers

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"teamtask.dev/api/v1alpha1"
)

func request(ns, name string) reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Namespace: ns, Name: name}}
}

// killer is a way to the API server that one write does not come back from: it is lost, or its answer.
type killer struct {
	next       http.RoundTripper
	left       *int // writes to go until then
	landsFirst bool
}

var errKilled = errors.New("killed")

func (k killer) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return k.next.RoundTrip(r)
	}
	if *k.left--; *k.left != 0 {
		return k.next.RoundTrip(r)
	}
	if k.landsFirst {
		resp, err := k.next.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
	}
	return nil, errKilled
}

// Whichever write the controller is killed at, before or after it has landed, the next one brings about the same.
func TestKilledAtEveryWrite(t *testing.T) {
	want, n := life(t, 0, false)
	if n < 10 {
		t.Fatalf("only %d writes", n)
	}
	for i := range n {
		for _, landed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d,landed=%t", i+1, landed), func(t *testing.T) {
				t.Parallel()
				if got, _ := life(t, i+1, landed); got != want {
					t.Errorf("ends with\n%s\nand not with\n%s", got, want)
				}
			})
		}
	}
}

// life has the pods of a list made, scaled, replaced and stopped, by a controller that is killed at a write and started anew.
// It tells what there is after each step, and how many writes there were.
func life(t *testing.T, killAt int, landed bool) (story string, writes int) {
	s := newSite(t)
	left := killAt
	r := s.reconciler(func(next http.RoundTripper) http.RoundTripper { return killer{next, &left, landed} })
	settle := func(pods int32, reason string, jobs int) {
		t.Helper()
		s.eventually(fmt.Sprintf("%d pods, %s", pods, reason), func() error {
			_, err := r.Reconcile(t.Context(), request(s.ns, "primes"))
			if errors.Is(err, errKilled) {
				r = s.reconciler(nil)
			} else if err != nil {
				return err
			}
			if err := s.kubelet(); err != nil {
				return err
			}
			there, status := s.jobs(), s.list("primes").Status
			if c := s.condition("primes"); c.Reason != reason || status.Replicas != pods || len(there) != jobs || c.Type != "" && c.ObservedGeneration != s.list("primes").Generation {
				return fmt.Errorf("%d Jobs, %d pods, %s: %s", len(there), status.Replicas, c.Reason, c.Message)
			}
			return nil
		})
		story += s.tell()
	}
	s.create(primes)
	settle(3, "Running", 1)
	s.change("primes", func(spec *v1alpha1.WorklistSpec) { spec.Workers.Parallelism = new(int32(2)) })
	settle(2, "Running", 1)
	s.change("primes", func(spec *v1alpha1.WorklistSpec) { spec.Workers.Slots = 2 })
	settle(2, "Running", 1)
	s.stand("primes", v1alpha1.PhaseSuspended, 0)
	settle(0, "Stopped", 1)
	s.change("primes", func(spec *v1alpha1.WorklistSpec) { spec.Workers = nil })
	settle(0, "", 0)
	return story, killAt - left
}

// tell describes the Jobs, without what chance has to do with.
func (s *site) tell() string {
	s.t.Helper()
	var b strings.Builder
	for _, j := range s.jobs() {
		fmt.Fprintf(&b, "Job of %d pods: %d active\n", *j.Spec.Parallelism, j.Status.Active)
		spec, err := json.Marshal(j.Spec.Template.Spec)
		s.must(err)
		b.Write(append(spec, '\n'))
	}
	status := s.list("primes").Status
	fmt.Fprintf(&b, "%d replicas, %s, %s\n", status.Replicas, status.Selector, s.condition("primes").Message)
	return b.String()
}
