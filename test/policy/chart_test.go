package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// values are what people set; each is rendered, checked by Helm and by the API server.
var values = map[string][]string{
	"default":  nil,
	"one":      {"--set", "controller.replicas=1", "--set", "server.enabled=true", "--set", "server.replicas=1"},
	"server":   {"--set", "server.enabled=true", "--set", "server.tls.secretName=certificate", "--set", "server.extraArgs={-v}"},
	"confined": {"--set", "watchNamespaces={kube-public,default}", "--set", "server.enabled=true"},
	"second": {"--set", "watchNamespaces={default}", "--set", "crds.install=false", "--set", "admission.install=false",
		"--set", "roles.install=false", "--set", "flowSchemas.install=false"},
	"monitored": {"--set", "server.enabled=true", "--set", "monitoring.podMonitor.enabled=true", "--set", "monitoring.serviceMonitor.enabled=true",
		"--set", "monitoring.rules.enabled=true", "--set", "monitoring.dashboard.enabled=true"},
	"placed": {"--set", "controller.image.repository=registry.example.com/a/teamtask-controller", "--set", "controller.image.digest=sha256:" + strings.Repeat("0", 64),
		"--set", "controller.nodeSelector.pool=system", "--set", "controller.podAnnotations.team=blue", "--set", "controller.priorityClassName=high",
		"--set-json", `controller.tolerations=[{"operator": "Exists"}]`, "--set", "imagePullSecrets[0].name=registry",
		"--set-json", `networkPolicies.metricsFrom=[{"namespaceSelector": {}}]`},
}

func chart(t *testing.T, flags ...string) []*unstructured.Unstructured {
	t.Helper()
	objects, err := render(t.Context(), flags...)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func TestChartIsAccepted(t *testing.T) {
	for name, flags := range values {
		t.Run(name, func(t *testing.T) {
			if _, err := helm(t.Context(), append([]string{"lint", "--strict", root("charts", "teamtask")}, flags...)...); err != nil {
				t.Error(err)
			}
			var manifests strings.Builder
			for _, o := range chart(t, flags...) {
				if o.GroupVersionKind().Group == "monitoring.coreos.com" {
					continue // the Prometheus operator's; this cluster has none
				}
				b, err := o.MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				manifests.WriteString("---\n")
				manifests.Write(b)
			}
			file := filepath.Join(t.TempDir(), "manifests.yaml")
			if err := os.WriteFile(file, []byte(manifests.String()), 0o600); err != nil {
				t.Fatal(err)
			}
			// A warning is a failure: the API server warns of fields that it does not know, and of policies that cannot work.
			if _, err := running.Kubectl(t.Context(), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "--filename", file); err != nil {
				t.Error(err)
			}
		})
	}
}

// Values that mean nothing are refused, not passed over.
func TestChartRefusesTypos(t *testing.T) {
	for value, expected := range map[string]string{
		"controler.replicas=3":        "controler",
		"controller.replicas=0":       "/controller/replicas",
		"controller.logLevel=verbose": "/controller/logLevel",
		"watchNamespaces={Team A}":    "/watchNamespaces/0",
		"server.service.port=http":    "/server/service/port",
		"controller.image.tag=a b":    "/controller/image/tag",
	} {
		_, err := render(t.Context(), "--set", value)
		refused(t, err, expected)
	}
}

// Every pod may run where Pod Security asks for the most.
func TestPodsAreRestricted(t *testing.T) {
	ns := newNamespace(t)
	core := admin().clientset().CoreV1()
	namespace, err := core.Namespaces().Get(t.Context(), ns, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	namespace.Labels["pod-security.kubernetes.io/enforce"] = "restricted"
	if _, err := core.Namespaces().Update(t.Context(), namespace, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	create := func(pod corev1.PodSpec) error {
		_, err := core.Pods(ns).Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "chart-"}, Spec: pod}, metav1.CreateOptions{})
		return err
	}
	err = eventually(t.Context(), func() error { // the account that the pod needs is made, and the label known, a moment later
		err := create(corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "a"}}})
		if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
			return fmt.Errorf("an unrestricted pod is not refused: %w", cmp.Or(err, errNotYet))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pods := 0
	for _, o := range chart(t, values["server"]...) {
		if o.GetKind() != "Deployment" {
			continue
		}
		pods++
		d := convert[appsv1.Deployment](t, o)
		account := d.Spec.Template.Spec.ServiceAccountName
		if _, err := core.ServiceAccounts(ns).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: account}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := create(d.Spec.Template.Spec); err != nil {
			t.Errorf("%s: %v", o.GetName(), err)
		}
		for _, c := range d.Spec.Template.Spec.Containers {
			if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
				t.Errorf("%s: container %s may write its root file system", o.GetName(), c.Name)
			}
		}
	}
	if pods != 2 {
		t.Errorf("%d Deployments", pods)
	}
}

// Confined to namespaces, the controller has the same rules there, and none elsewhere.
func TestWatchNamespaces(t *testing.T) {
	everywhere, confined := byID(chart(t)), byID(chart(t, values["confined"]...))
	const role = "Role.rbac.authorization.k8s.io teamtask-controller"
	cluster := convert[rbacv1.ClusterRole](t, everywhere["ClusterRole.rbac.authorization.k8s.io teamtask-controller"])
	for _, ns := range []string{"kube-public", "default"} {
		if r := convert[rbacv1.Role](t, confined[role+" in "+ns]); !reflect.DeepEqual(r.Rules, cluster.Rules) {
			t.Errorf("%s: rules %v", ns, r.Rules)
		}
	}
	for name, o := range confined {
		if o.GetKind() != "ClusterRoleBinding" {
			continue
		}
		if role := convert[rbacv1.ClusterRoleBinding](t, o).RoleRef.Name; role != "teamtask-server.teamtask-system" { // reviews are cluster-wide
			t.Errorf("%s binds %s in all namespaces", name, role)
		}
	}
	d := convert[appsv1.Deployment](t, confined["Deployment.apps teamtask-controller in teamtask-system"])
	if args := d.Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "--watch-namespaces=kube-public,default") {
		t.Errorf("args %q", args)
	}
}

// A second release, for other namespaces, has nothing of the same name as the first.
func TestTwoReleases(t *testing.T) {
	first := byID(chart(t, "--set", "watchNamespaces={kube-public}"))
	for _, o := range chart(t, append([]string{"--namespace", "second"}, values["second"]...)...) {
		if _, ok := first[id(o)]; ok {
			t.Errorf("both have %s", id(o))
		}
	}
}

func TestOneReplicaCanBeEvicted(t *testing.T) {
	for _, component := range []string{"controller", "server"} {
		budget := "PodDisruptionBudget.policy teamtask-" + component + " in teamtask-system"
		if _, ok := byID(chart(t, values["server"]...))[budget]; !ok {
			t.Errorf("%s: two replicas have no budget", component)
		}
		if _, ok := byID(chart(t, values["one"]...))[budget]; ok {
			t.Errorf("%s: one replica has a budget: its node could not be drained", component)
		}
	}
}

// The List server may do for its callers what it needs for that, and reads nothing of namespaces but lists and Blocks: wherever it
// serves lists it has these rights in all of a namespace.
func TestServerReadsNothingElse(t *testing.T) {
	for name, flags := range map[string][]string{"server": values["server"], "confined": values["confined"]} {
		objects := byID(chart(t, flags...))
		bound := 0
		for id, o := range objects {
			if !strings.HasSuffix(o.GetKind(), "RoleBinding") {
				continue
			}
			b := convert[rbacv1.RoleBinding](t, o)
			if b.Subjects[0].Name != "teamtask-server" {
				continue
			}
			bound++
			role := objects["ClusterRole.rbac.authorization.k8s.io "+b.RoleRef.Name]
			if role == nil {
				t.Fatalf("%s: %s binds %s, which the chart lacks", name, id, b.RoleRef.Name)
			}
			for _, r := range convert[rbacv1.ClusterRole](t, role).Rules {
				for _, group := range r.APIGroups {
					if group != "teamtask.dev" && !slices.Equal(r.Verbs, []string{"create"}) {
						t.Errorf("%s: %s lets it %v %s of %q", name, id, r.Verbs, r.Resources, group)
					}
				}
			}
		}
		if bound < 2 {
			t.Errorf("%s: it is bound to %d roles", name, bound)
		}
	}
}

// What is packaged has what the links in the chart's directory point to.
func TestPackage(t *testing.T) {
	dir := t.TempDir()
	if _, err := helm(t.Context(), "package", root("charts", "teamtask"), "--destination", dir); err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		t.Fatal(archives, err)
	}
	packaged, err := helm(t.Context(), "template", "teamtask", archives[0])
	if err != nil {
		t.Fatal(err)
	}
	linked, err := helm(t.Context(), "template", "teamtask", root("charts", "teamtask"))
	if err != nil {
		t.Fatal(err)
	}
	if packaged != linked {
		t.Error("the package describes something else than its directory")
	}
}

// The dashboard is one that Grafana can read, and shows metrics that are said to exist.
func TestDashboard(t *testing.T) {
	config := convert[corev1.ConfigMap](t, byID(chart(t, values["monitored"]...))["ConfigMap teamtask-dashboard in teamtask-system"])
	var dashboard struct {
		Title  string
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(config.Data["teamtask.json"]), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || len(p.Targets) == 0 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
	}
	if dashboard.Title != "Teamtask" || len(ids) == 0 {
		t.Errorf("dashboard %+v", dashboard)
	}
}

func convert[T any](t *testing.T, o *unstructured.Unstructured) *T {
	t.Helper()
	if o == nil {
		t.Fatalf("the chart lacks a %T", *new(T))
	}
	result := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, result); err != nil {
		t.Fatal(err)
	}
	return result
}

// A namespace may have a name that YAML takes for something else.
func TestNamesAreStrings(t *testing.T) {
	for _, name := range []string{"1234", "0x10", "1e3", "on", "null"} {
		objects := chart(t, "--namespace", name, "--set-json", `watchNamespaces=["`+name+`"]`, "--set", "server.enabled=true", "--set-string", "server.tls.secretName="+name,
			"--set-string", "controller.priorityClassName="+name, "--set-string", "server.priorityClassName="+name)
		for _, o := range objects {
			if o.GetKind() == "CustomResourceDefinition" {
				continue
			}
			if ns, found, err := unstructured.NestedString(o.Object, "metadata", "namespace"); err != nil || found && ns != name {
				t.Errorf("%s: %s: namespace %q, %v", name, id(o), ns, err)
			}
			switch o.GetKind() {
			case "Deployment":
				d := convert[appsv1.Deployment](t, o).Spec.Template.Spec
				if d.PriorityClassName != name || len(d.Volumes) > 0 && d.Volumes[0].Secret.SecretName != name {
					t.Errorf("%s: %s: %q, %+v", name, id(o), d.PriorityClassName, d.Volumes)
				}
			case "RoleBinding", "ClusterRoleBinding":
				if ns := convert[rbacv1.RoleBinding](t, o).Subjects[0].Namespace; ns != name {
					t.Errorf("%s: %s: a subject in %q", name, id(o), ns)
				}
			case "FlowSchema":
				convert[flowcontrolv1.FlowSchema](t, o)
			}
		}
	}
}
