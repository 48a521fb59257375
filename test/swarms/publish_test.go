package swarms

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/chaos"
)

// publishes waits until a ConfigMap has what the Assignments say.
func (s *site) publishes(configMap string, workers int) (out *v1alpha1.Published) {
	s.t.Helper()
	s.until("ConfigMap "+configMap+" has all parts", func() bool {
		out = s.published[configMap]
		if out == nil || len(out.Workloads) != workers || len(s.assignments) != workers {
			return false
		}
		for _, a := range s.assignments {
			part := out.Of(a.Spec.Worker)
			if part == nil || out.Version < a.Spec.Version || !slices.EqualFunc(part.Jobs, a.Spec.Workloads, func(job string, g v1alpha1.Grant) bool { return job == g.Name }) {
				return false
			}
		}
		return true
	})
	return out
}

// All parts are published; one that is empty already is taken over, say because pods were made to wait for it. What somebody writes into
// it by hand does not stay.
func TestPublished(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.make(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "parts", Namespace: s.ns}, Data: map[string]string{"config.yml": "workloads:\n"}})
	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(5)}, ConfigMap: "parts"})
	s.start("streams", "w0")
	s.start("streams", "w1")
	s.converged("streams", names(5), 2)
	before := s.publishes("parts", 2)
	s.change("streams", func(spec *v1alpha1.SwarmSpec) { spec.Workloads.Names = names(6) })
	s.converged("streams", names(6), 2)
	after := s.publishes("parts", 2)
	changed := 0
	for _, worker := range []string{"w0", "w1"} {
		if after.Of(worker).Version != before.Of(worker).Version {
			changed++
		}
	}
	if changed != 1 {
		t.Errorf("one part has changed, and the versions of %d:\n%s%s", changed, before, after)
	}

	m := &corev1.ConfigMap{}
	if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: "parts"}, m); err != nil {
		t.Fatal(err)
	}
	if len(m.OwnerReferences) > 0 {
		t.Errorf("somebody has made it, and now it belongs to %v", m.OwnerReferences)
	}
	m.Data = map[string]string{"config.yml": strings.Replace(after.String(), "cam-00", "cam-99", 1)}
	s.Lock()
	delete(s.published, "parts") // what is written by hand follows no rules
	s.Unlock()
	if err := s.client.Update(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	s.until("it is mended", func() bool {
		p := s.published["parts"]
		return p != nil && p.Version > after.Version && !strings.Contains(p.String(), "cam-99")
	})
}

// A ConfigMap that was there before its Swarm stays when that goes, without parts; the next Swarm publishes in it, and counts on. One
// that the Swarm has made is the Swarm's.
func TestPublishedInAConfigMapOfOthers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.make(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "theirs", Namespace: s.ns}})
	read := func(name string) *corev1.ConfigMap {
		m := &corev1.ConfigMap{}
		if err := s.client.Get(t.Context(), client.ObjectKey{Namespace: s.ns, Name: name}, m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	last := int64(0)
	for range 2 {
		s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(3)}, ConfigMap: "theirs"})
		w := s.start("streams", "w0")
		s.converged("streams", names(3), 1)
		if p := s.publishes("theirs", 1); p.Version <= last {
			t.Errorf("version %d after %d", p.Version, last)
		}
		w.kill()
		s.delete(&v1alpha1.Swarm{}, "streams")
		s.until("the Swarm is gone", func() bool { return s.swarms["streams"] == nil })
		s.delete(&v1alpha1.Assignment{}, "streams.w0") // as the garbage collector would
		s.until("the Assignment is gone", func() bool { return len(s.assignments) == 0 })
		m := read("theirs")
		left, err := v1alpha1.ReadPublished(m.Data[v1alpha1.PublishedKey])
		if err != nil || len(left.Workloads) > 0 || left.Version <= last || len(m.OwnerReferences)+len(m.Annotations) > 0 {
			t.Fatalf("%v: what is left is %v, after version %d (%v)", m.ObjectMeta, m.Data, last, err)
		}
		last = left.Version
	}
	s.create("others", v1alpha1.SwarmSpec{ConfigMap: "ours"})
	s.until("it is made", func() bool { return s.published["ours"] != nil })
	if owner := metav1.GetControllerOf(read("ours")); owner == nil || owner.Name != "others" {
		t.Errorf("it belongs to %v", owner)
	}
}

// Each move is an event of the Swarm, related to the worker; where there are many there is one for all.
func TestEvents(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(nil)
	s.create("few", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(3)}})
	s.start("few", "w0")
	s.condition("few", v1alpha1.ConditionConverged, v1alpha1.SwarmConverged)
	s.start("few", "w1")
	s.until("it is balanced", func() bool {
		return s.swarms["few"].Status.Current == "2/2" && s.assignments["few.w1"] != nil && len(s.assignments["few.w1"].Spec.Workloads) == 1
	})
	s.event("few", "few.w0", "Granted", "cam-00, cam-01, cam-02 are granted to w0, version ")
	s.event("few", "few.w0", "Revoked", " is taken away from w0, version ")
	s.event("few", "few.w1", "Granted", " is granted to w1, version ")
	s.event("few", "", "Converged", "3 workloads on 1 worker")

	for i := range 12 {
		s.start("many", fmt.Sprintf("v%d", i))
	}
	s.until("all have joined", func() bool {
		n := 0
		for _, a := range s.assignments {
			if a.Spec.Swarm == "many" && a.Status.Incarnation != "" {
				n++
			}
		}
		return n == 12
	})
	many := names(40)
	for i := range many {
		many[i] = "many-" + many[i]
	}
	s.create("many", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: many}})
	s.event("many", "", "Granted", "40 workloads are granted to 12 workers, version ")
}

// What the API server refuses is an event: here the ConfigMap, as a quota would.
func TestRefusedWrites(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/configmaps") {
			return chaos.Answer(r, http.StatusForbidden, "Forbidden"), nil
		}
		return send()
	})
	s.create("streams", v1alpha1.SwarmSpec{ConfigMap: "parts"})
	s.event("streams", "", "Refused", "make ConfigMap parts: a fault of the test")
}

// event waits for an event whose note has a text.
func (s *site) event(swarm, related, reason, text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	var seen []string
	for ; ctx.Err() == nil; chaos.Pause(ctx, 100*time.Millisecond) {
		var list eventsv1.EventList
		if err := s.client.List(s.t.Context(), &list, client.InNamespace(s.ns)); err != nil {
			s.t.Fatal(err)
		}
		seen = nil
		for _, e := range list.Items {
			if e.Regarding.Kind == v1alpha1.SwarmKind && e.Regarding.Name == swarm && e.Reason == reason &&
				strings.Contains(e.Note, text) && (related == "" || e.Related != nil && e.Related.Name == related) {
				return
			}
			seen = append(seen, fmt.Sprintf("%s %s: %s", e.Regarding.Name, e.Reason, e.Note))
		}
	}
	s.t.Fatalf("there is no event %s %s with %q, but\n%s", swarm, reason, text, strings.Join(seen, "\n"))
}
