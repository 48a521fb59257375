package kube_test

import (
	"strings"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
)

// A status that the API server refuses costs its Block alone: what is stored of it counts, the rest has failed and says why, and
// all else in the same exchange is accepted.
func TestRefused(t *testing.T) {
	large := make([]v1alpha1.Found, 100) // more than etcd takes
	for i := range large {
		large[i] = v1alpha1.Found{Index: int64(i), Value: strings.Repeat("𝄞", 4096)}
	}
	for name, c := range map[string]struct {
		found []v1alpha1.Found
		why   string
	}{
		"invalid":   {[]v1alpha1.Found{{Index: 50, Value: strings.Repeat("x", 5000)}}, "status.found[0].value: Too long"},
		"too large": {large, "request is too large"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, 1000, kube.Options{})
			bad, good := s.lease(0, 100), s.lease(100, 100)
			s.report(done(bad.Token, 90, 10))
			resp, err := s.up.Exchange(t.Context(), "primes", &v1alpha1.ExchangeRequest{
				Complete: []string{good.Token}, Reports: []v1alpha1.Report{{Token: bad.Token, Found: c.found}}})
			s.must(err)
			if len(resp.Receipts) != 1 || resp.Receipts[0].I != 1 || resp.Receipts[0].Status != v1alpha1.ReportFenced ||
				!strings.Contains(resp.Receipts[0].Message, c.why) || resp.Items != 100 {
				t.Errorf("%+v", resp)
			}
			for _, b := range s.blocks() {
				st := b.Status
				switch {
				case st.Finished() != v1alpha1.BlockDone:
					t.Errorf("%+v", st)
				case *st.Index == 100 && st.Done != 100:
					t.Errorf("the other Block: %+v", st)
				case *st.Index == 0 && (st.Done != 10 || len(st.FailedRanges) != 1 || st.FailedRanges[0].Range != v1alpha1.Range{Index: 0, Size: 90} ||
					st.FailedRanges[0].Final || !strings.Contains(st.FailedRanges[0].Reason, c.why)):
					t.Errorf("%+v", st)
				}
			}
			if rc := s.report(done(bad.Token, 0, 1)); rc.Status != v1alpha1.ReportFenced {
				t.Errorf("afterwards: %+v", rc)
			}
			if len(s.fatal) > 0 {
				t.Errorf("given up: %v", <-s.fatal)
			}
		})
	}
}

// A Block of which nothing at all can be said is left until its lease runs out.
func TestRefusedByPolicy(t *testing.T) {
	t.Parallel()
	s := open(t, 1000, kube.Options{})
	lease := s.lease(0, 10)
	s.must(apiServer.Apply(t.Context(), strings.ReplaceAll(`
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAMESPACE}
spec:
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAMESPACE}}
    resourceRules: [{apiGroups: [teamtask.dev], apiVersions: ["*"], resources: [blocks/status], operations: [UPDATE]}]
  validations: [{expression: "false", message: not today}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAMESPACE}
spec: {policyName: NAMESPACE, validationActions: [Deny]}
`, "NAMESPACE", s.namespace)))
	b := s.blocks()[0]
	for s.Status().Update(t.Context(), b.DeepCopy(), ctrl.DryRunAll) == nil { // the policy does not hold yet
		s.must(t.Context().Err())
	}
	if rc := s.report(v1alpha1.Report{Token: lease.Token}); rc.Status != v1alpha1.ReportFenced || !strings.Contains(rc.Message, "not today") {
		t.Errorf("%+v", rc)
	}
	if r := s.renew(lease.Token); r.Status != v1alpha1.ReportFenced {
		t.Errorf("%+v", r)
	}
	s.block(func(b *v1alpha1.Block) bool { return b.Status.Held() && b.Status.RenewTime == nil })
}
