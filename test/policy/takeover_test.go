package policy

import "testing"

// What was applied by kubectl can be taken over by Helm, and applied by kubectl again: the manifests name what the API server would fill
// in, so that equal words are no conflict. Where the two want different things it must be said whose is to hold.
func TestHelmAndKubectlAgree(t *testing.T) {
	upgrade := func(flags ...string) error {
		_, err := helm(t.Context(), append([]string{"upgrade", "--install", "teamtask", root("charts", "teamtask"),
			"--namespace", "teamtask-system", "--kubeconfig", running.Kubeconfig}, flags...)...)
		return err
	}
	refused(t, upgrade(), "cannot be imported into the current release")
	if err := upgrade("--take-ownership"); err != nil {
		t.Error(err)
	}
	if _, err := running.Kubectl(t.Context(), "apply", "--server-side", "--kustomize", root("config")); err != nil {
		t.Error(err)
	}
	if err := upgrade(); err != nil {
		t.Error(err)
	}
	refused(t, upgrade("--set", "controller.replicas=3"), `conflict with "kubectl": .spec.replicas`)
	if err := upgrade("--set", "controller.replicas=3", "--force-conflicts"); err != nil {
		t.Error(err)
	}
}
