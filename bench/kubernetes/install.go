package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/kube"
)

// user is who a program calls the API server as, and the roles that it has there.
type user struct {
	name  string
	roles []string
}

// Nobody who is measured is an administrator: those the API server lets pass before all others, whatever they cost it.
var (
	asWorker     = user{"worker", []string{"teamtask-worker"}}
	asController = user{"controller", []string{"teamtask-controller"}}
	asGateway    = user{"gateway", []string{"teamtask-server", "teamtask-server-works"}}
)

// install installs Teamtask as users of a cluster have it, without its programs, and waits until its policies hold.
func (b *bench) install(ctx context.Context) (err error) {
	if _, err := b.cluster.Kubectl(ctx, "apply", "-f", "config/crd", "-f", "config/rbac/controller.yaml", "-f", "config/rbac/server.yaml", "-f", "config/rbac/worker.yaml"); err != nil {
		return err
	}
	for _, part := range []string{"config/admission", "config/flow"} {
		if _, err := b.cluster.Kubectl(ctx, "apply", "-k", part); err != nil {
			return err
		}
	}
	for _, u := range []user{asWorker, asController, asGateway} {
		for _, role := range u.roles {
			if _, err := b.cluster.Kubectl(ctx, "create", "clusterrolebinding", u.name+"-"+role, "--clusterrole", role, "--user", u.name); err != nil {
				return err
			}
		}
	}
	if b.admin, err = b.clientOf(b.cluster.Kubeconfig); err != nil {
		return err
	}
	kubeconfig, err := b.cluster.KubeconfigFor(asWorker.name)
	if err != nil {
		return err
	}
	if b.client, err = b.clientOf(kubeconfig); err != nil {
		return err
	}
	return b.awaitPolicies(ctx)
}

func (b *bench) clientOf(kubeconfig string) (ctrl.WithWatch, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1 // the API server's own flow control is the bound
	return kube.NewClient(config)
}

// awaitPolicies waits until a Block is stamped with who created it: kinds, rights and policies take the API server some seconds.
func (b *bench) awaitPolicies(ctx context.Context) error {
	var why error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		probe := &v1alpha1.Block{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "probe-"}, Spec: v1alpha1.BlockSpec{Worklist: "probe"}}
		if why = b.client.Create(ctx, probe); why != nil {
			return false, nil
		}
		stamped := probe.DeepCopy()
		probe.Finalizers = nil
		return stamped.Spec.User == asWorker.name, errors.Join(b.admin.Patch(ctx, probe, ctrl.MergeFrom(stamped)), b.admin.Delete(ctx, probe))
	})
	if err != nil {
		return fmt.Errorf("wait until the policies hold: %w", errors.Join(err, why))
	}
	return nil
}
