package workers

import (
	"fmt"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/controller/workers"
)

// What the API server does not take is told in the list's status, in its own words, and done once it does.
func TestRefused(t *testing.T) {
	s := newSite(t)
	r := s.reconciler(nil)
	told := func(name, reason string, texts ...string) {
		t.Helper()
		s.eventually(name+" is told", func() error {
			if _, err := r.Reconcile(t.Context(), request(s.ns, name)); err != nil {
				return err
			}
			c := s.condition(name)
			if c.Reason != reason || c.Status != metav1.ConditionFalse {
				return fmt.Errorf("%s %s: %s", c.Status, c.Reason, c.Message)
			}
			for _, text := range texts {
				if !strings.Contains(c.Message, text) {
					return fmt.Errorf("%q says nothing of %s", c.Message, text)
				}
			}
			return nil
		})
	}
	taken := func(name string) {
		t.Helper()
		s.eventually(name+" is taken", func() error {
			if _, err := r.Reconcile(t.Context(), request(s.ns, name)); err != nil {
				return err
			}
			if c := s.condition(name); c.Reason == "Refused" {
				return fmt.Errorf("%s", c.Message)
			}
			return nil
		})
	}
	named := func(name string, change func(*v1alpha1.Worklist)) {
		var list v1alpha1.Worklist
		s.must(yaml.UnmarshalStrict([]byte(primes), &list))
		list.Name = name
		change(&list)
		manifest, err := yaml.Marshal(list)
		s.must(err)
		s.create(string(manifest))
	}

	// limited makes a quota, and waits until the API server knows it: it would refuse such an object.
	limited := func(name, hard string, object client.Object) {
		t.Helper()
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: name}}
		quota.Spec.Hard = corev1.ResourceList{corev1.ResourceName(hard): resource.MustParse("0")}
		s.must(s.client.Create(t.Context(), quota))
		object.SetNamespace(s.ns)
		object.SetName("probe")
		s.eventually("quota "+name+" is known", func() error {
			err := s.client.Create(t.Context(), object.DeepCopyObject().(client.Object), client.DryRunAll)
			if err == nil || !strings.Contains(err.Error(), "exceeded quota: "+name) {
				return fmt.Errorf("not refused: %w", err)
			}
			return nil
		})
	}

	t.Log("An invalid pod.")
	named("invalid", func(l *v1alpha1.Worklist) { l.Spec.Workers.Template.Spec.DNSPolicy = "Nowhere" })
	told("invalid", "Refused", "make Job", "dnsPolicy", `"Nowhere"`, `"ClusterFirst"`)
	s.change("invalid", func(spec *v1alpha1.WorklistSpec) { spec.Workers.Template.Spec.DNSPolicy = "" })
	taken("invalid")

	t.Log("An account that is somebody else's.")
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.ns, Name: "taken-workers"}}
	s.must(s.client.Create(t.Context(), account))
	named("taken", func(*v1alpha1.Worklist) {})
	told("taken", "Refused", "ServiceAccount taken-workers", "not this list's", "serviceAccountName")
	s.must(s.client.Delete(t.Context(), account))
	taken("taken")

	t.Log("A binding that is of no use.")
	_, err := running.Kubectl(t.Context(), "delete", "--namespace", s.ns, "rolebinding", "taken-workers")
	s.must(err)
	r.Role = "other"
	told("taken", "Refused", "make RoleBinding taken-workers", "other")
	r.Role = ""
	taken("taken")
	r.Role = "other"
	told("taken", "Refused", "does not bind ClusterRole other", "delete it")
	r.Role = ""

	t.Log("More pods than may be.")
	pod := corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "a", Image: "a"}}}
	limited("few", "pods", &corev1.Pod{Spec: pod})
	named("many", func(*v1alpha1.Worklist) {})
	told("many", "PodsRefused", "exceeded quota: few")

	t.Log("More Jobs.")
	limited("fewer", "count/jobs.batch", &batchv1.Job{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod}}})
	named("one-more", func(*v1alpha1.Worklist) {})
	told("one-more", "Refused", "exceeded quota: fewer")
}

// A strict namespace takes the pods of a strict template.
func TestRestricted(t *testing.T) {
	const strict = `
apiVersion: teamtask.dev/v1alpha1
kind: Worklist
metadata: {name: strict}
spec:
  size: 1000
  workers:
    template:
      spec:
        securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
        containers:
        - name: work
          image: primes:1
          command: [/primes, "{start}", "{end}"]
          securityContext: {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
`
	s := newSite(t, "pod-security.kubernetes.io/enforce=restricted")
	list := s.create(strict)
	try := func() error {
		template := workers.Job(list, "teamtask:1").Spec.Template
		template.Spec.ServiceAccountName = ""
		pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
		pod.Namespace, pod.Name = s.ns, "strict"
		return s.client.Create(t.Context(), pod, client.DryRunAll)
	}
	s.eventually("it is taken", try) // the namespace's own account comes a moment later
	list.Spec.Workers.Template.Spec.Containers[0].SecurityContext = nil
	if err := try(); err == nil || !strings.Contains(err.Error(), "PodSecurity") {
		t.Errorf("the namespace takes anything: %v", err)
	}
}

// The longest names have pods.
func TestLongName(t *testing.T) {
	s := newSite(t)
	name := strings.Repeat("many.primes-", 21) + "x" // 253 characters
	s.create(strings.Replace(primes, "name: primes", "name: "+name, 1))
	r := s.reconciler(nil)
	s.eventually("they run", func() error {
		if _, err := r.Reconcile(t.Context(), request(s.ns, name)); err != nil {
			return err
		}
		s.must(s.kubelet())
		if c := s.condition(name); c.Reason != "Running" {
			return fmt.Errorf("%s: %s", c.Reason, c.Message)
		}
		return nil
	})
}
