package swarms

import (
	"net/http"
	"path"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// Workers renew their leases, and say what they run, whenever they like: however often, what was decided is written. Here each of them
// does so before every write of its part.
func TestBusyWorkers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.manage(func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if writesParts(r) {
			s.renew(path.Base(r.URL.Path))
		}
		return send()
	})
	s.create("streams", v1alpha1.SwarmSpec{Workloads: v1alpha1.WorkloadSources{Names: names(8)}})
	s.start("streams", "w0")
	s.start("streams", "w1")
	s.converged("streams", names(8), 2)
	// One worker joins and is granted everything, another one joins, half is revoked, and granted: two decisions each, and some to spare
	// for what happens at a time. Whoever has to decide anew because of a renewal makes dozens.
	if v := s.version("streams"); v > 12 {
		t.Errorf("it took %d decisions", v)
	}
	if n := s.owners.started(); n > 12 {
		t.Errorf("8 workloads were started %d times", n)
	}
}

// renew renews a worker's lease, as the worker does, and not to be refused.
func (s *site) renew(assignment string) {
	a := &v1alpha1.Assignment{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: assignment}}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"status":{"renewTime":"`+metav1.NowMicro().UTC().Format(metav1.RFC3339Micro)+`"}}`))
	if err := client.IgnoreNotFound(s.client.Status().Patch(s.t.Context(), a, patch)); err != nil && s.t.Context().Err() == nil {
		s.t.Errorf("renew the lease of %s: %v", assignment, err)
	}
}

// version is how many decisions there were about a Swarm.
func (s *site) version(swarm string) int64 {
	s.Lock()
	defer s.Unlock()
	return s.swarms[swarm].Status.Version
}
