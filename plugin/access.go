package plugin

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
	"teamtask.dev/kube"
	"teamtask.dev/version"
)

// access is how the API server is reached: kubectl's flags.
type access struct {
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
}

func newAccess(f *pflag.FlagSet) *access {
	a := &access{rules: clientcmd.NewDefaultClientConfigLoadingRules()}
	f.StringVar(&a.rules.ExplicitPath, "kubeconfig", "", "file that says where the cluster is (default $KUBECONFIG, or ~/.kube/config)")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.CurrentContext.Description = "context of the kubeconfig"
	names.ContextOverrideFlags.Namespace.Description = "namespace of the lists (default that of the context)"
	names.Timeout.Description = "how long a single request may take, such as 5s; 0: as long as it takes"
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	clientcmd.BindOverrideFlags(&a.overrides, f, names)
	shown := map[string]bool{"kubeconfig": true, "context": true, "namespace": true, "request-timeout": true}
	f.VisitAll(func(x *pflag.Flag) { x.Hidden = !shown[x.Name] })
	return a
}

// session is a connection to an API server, for lists of one namespace.
type session struct {
	client.Client
	namespace string
}

// connect makes a connection. It asks the API server for nothing yet.
func (a *access) connect() (*session, error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(a.rules, &a.overrides)
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) {
		return nil, kube.ErrNoCluster
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config.UserAgent = "kubectl-teamtask/" + version.Version
	config.QPS, config.Burst = 50, 100 // an explanation takes ten requests or so, at once
	config.WarningHandler = rest.NewWarningWriter(os.Stderr, rest.WarningWriterOptions{Deduplicate: true})
	c, err := newClient(config)
	if err != nil {
		return nil, fmt.Errorf("connect to the API server at %s: %w", config.Host, err)
	}
	return &session{client.WithFieldValidation(client.WithFieldOwner(c, "kubectl-teamtask"), metav1.FieldValidationStrict), namespace}, nil
}

// newClient is a client for all kinds that are looked at. It knows them beforehand, so that it need not ask which there are.
func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	add := runtime.NewSchemeBuilder(v1alpha1.AddToScheme, corev1.AddToScheme, batchv1.AddToScheme, appsv1.AddToScheme, coordinationv1.AddToScheme,
		authorizationv1.AddToScheme, metav1.AddMetaToScheme)
	if err := add.AddToScheme(scheme); err != nil {
		return nil, err
	}
	mapper := meta.NewDefaultRESTMapper(nil)
	for kind := range scheme.AllKnownTypes() {
		scope := meta.RESTScopeNamespace
		if kind.Kind == "SubjectAccessReview" || kind.Kind == "Namespace" {
			scope = meta.RESTScopeRoot
		}
		mapper.Add(kind, scope)
	}
	return client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
}

// with is a command's function that gets a connection.
func (a *access) with(f func(ctx context.Context, s *session, cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		s, err := a.connect()
		if err != nil {
			return err
		}
		return f(cmd.Context(), s, cmd, args)
	}
}

// worklist reads a list.
func (s *session) worklist(ctx context.Context, name string) (*v1alpha1.Worklist, error) {
	var wl v1alpha1.Worklist
	key := types.NamespacedName{Namespace: s.namespace, Name: name}
	err := s.Get(ctx, key, &wl)
	switch {
	case apierrors.IsNotFound(err) && s.Get(ctx, key, &v1alpha1.Swarm{}) == nil:
		return nil, fmt.Errorf("there is no worklist %s in the namespace %s, but a swarm: say swarm/%s", name, s.namespace, name)
	case err != nil:
		return nil, s.readable("get", cmdline.Object{Kind: v1alpha1.WorklistKind, Name: name}, err)
	}
	wl.APIVersion, wl.Kind = v1alpha1.APIVersion, v1alpha1.WorklistKind
	return &wl, nil
}

// swarm reads a swarm.
func (s *session) swarm(ctx context.Context, name string) (*v1alpha1.Swarm, error) {
	var sw v1alpha1.Swarm
	if err := s.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, &sw); err != nil {
		return nil, s.readable("get", cmdline.Object{Kind: v1alpha1.SwarmKind, Name: name}, err)
	}
	sw.APIVersion, sw.Kind = v1alpha1.APIVersion, v1alpha1.SwarmKind
	return &sw, nil
}

// object is what the arguments of a command mean that is about one: kubectl, and this program, print names with the kind before them.
func object(args []string) (cmdline.Object, error) {
	objects, err := cmdline.Objects(args)
	if err != nil {
		return cmdline.Object{}, err
	}
	return objects[0], nil
}

// listName is the name of the list that an argument means, of a command that knows nothing but lists.
func listName(argument string) (string, error) {
	o, err := object([]string{argument})
	if err == nil && o.Kind != v1alpha1.WorklistKind {
		err = fmt.Errorf("%q: is no worklist; give the name of one, or see who has what with `kubectl teamtask describe swarm/%s`", argument, o.Name)
	}
	return o.Name, err
}

// blocks reads all Blocks of a list.
func (s *session) blocks(ctx context.Context, list string) ([]v1alpha1.Block, error) {
	var blocks v1alpha1.BlockList
	err := s.List(ctx, &blocks, client.InNamespace(s.namespace), client.MatchingFields{"spec.worklist": list})
	return blocks.Items, err
}

// assignments reads all Assignments of a swarm.
func (s *session) assignments(ctx context.Context, swarm string) ([]v1alpha1.Assignment, error) {
	var assignments v1alpha1.AssignmentList
	err := s.List(ctx, &assignments, client.InNamespace(s.namespace), client.MatchingFields{"spec.swarm": swarm})
	return assignments.Items, err
}
