package kube

import (
	"errors"
	"fmt"

	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/version"
)

// Access says which cluster to speak to, as kubectl's flags do. The zero value is that of the kubeconfig (KUBECONFIG, or
// ~/.kube/config), and in a pod without one, the pod's own cluster.
type Access struct {
	Kubeconfig string
	Context    string
	Namespace  string // default: that of the kubeconfig's context, or the pod's
}

// ErrNoCluster means that neither a kubeconfig nor a pod's service account says where the API server is.
var ErrNoCluster = errors.New("no Kubernetes cluster is known here: there is no kubeconfig (--kubeconfig, KUBECONFIG or ~/.kube/config), " +
	"and this is not a pod with a service account")

// Load reads the configuration, and the namespace that goes with it.
func (a Access) Load() (config *rest.Config, namespace string, err error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = a.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: a.Context}
	overrides.Context.Namespace = a.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err = loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, "", ErrNoCluster
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.UserAgent = "teamtask/" + version.Version
	// A worker writes once or twice for a Block and reads now and then: this bounds what can go wrong, not what it needs.
	config.QPS, config.Burst = 40, 80
	return config, namespace, nil
}

// NewClient is a client for the objects that workers deal with. It asks the API server for nothing yet, not even which kinds
// there are: a thousand workers may start at the same time.
func NewClient(config *rest.Config) (ctrl.WithWatch, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), corev1.AddToScheme(scheme), authentication.AddToScheme(scheme), authorization.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	versions := []schema.GroupVersion{v1alpha1.GroupVersion, corev1.SchemeGroupVersion, authentication.SchemeGroupVersion, authorization.SchemeGroupVersion}
	mapper := meta.NewDefaultRESTMapper(versions)
	for _, kind := range []schema.GroupVersionKind{v1alpha1.GroupVersion.WithKind(v1alpha1.WorklistKind), v1alpha1.GroupVersion.WithKind(v1alpha1.BlockKind),
		v1alpha1.GroupVersion.WithKind(v1alpha1.SwarmKind), v1alpha1.GroupVersion.WithKind(v1alpha1.AssignmentKind),
		corev1.SchemeGroupVersion.WithKind("ConfigMap")} {
		mapper.Add(kind, meta.RESTScopeNamespace)
	}
	mapper.Add(authentication.SchemeGroupVersion.WithKind("TokenReview"), meta.RESTScopeRoot)
	mapper.Add(authentication.SchemeGroupVersion.WithKind("SelfSubjectReview"), meta.RESTScopeRoot)
	mapper.Add(authorization.SchemeGroupVersion.WithKind("SubjectAccessReview"), meta.RESTScopeRoot)
	c, err := ctrl.NewWithWatch(config, ctrl.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("make a client of the API server at %s: %w", config.Host, err)
	}
	return c, nil
}
