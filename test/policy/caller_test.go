package policy

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	api "teamtask.dev/api/v1alpha1"
)

// caller is somebody who calls the API server.
type caller struct {
	config *rest.Config
}

func admin() caller {
	config, err := clientcmd.BuildConfigFromFlags("", running.Kubeconfig)
	if err != nil {
		panic(err) // the file is ours
	}
	config.QPS = -1
	return caller{config}
}

// user is a person, in the groups that the API server would see.
func user(name string, groups ...string) caller {
	c := admin()
	c.config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, "system:authenticated")}
	return c
}

// account is a service account whose token is not a pod's.
func account(namespace, name string) caller {
	return user("system:serviceaccount:"+namespace+":"+name, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
}

func theController() caller { return account("teamtask-system", "teamtask-controller") }

// pod makes a pod, which nothing runs, and calls with a token that is bound to it.
func pod(t *testing.T, namespace, serviceAccount, name string) caller {
	t.Helper()
	ctx, core := t.Context(), admin().clientset().CoreV1()
	_, err := core.ServiceAccounts(namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: serviceAccount}}, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	made, err := core.Pods(namespace).Create(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.PodSpec{ServiceAccountName: serviceAccount, Containers: []corev1.Container{{Name: "work", Image: "work"}}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	token, err := core.ServiceAccounts(namespace).CreateToken(ctx, serviceAccount, &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: name, UID: made.UID}}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c := caller{rest.AnonymousClientConfig(admin().config)}
	c.config.BearerToken = token.Status.Token
	return c
}

func (c caller) clientset() *kubernetes.Clientset { return kubernetes.NewForConfigOrDie(c.config) }

// blocks calls about the Blocks of a namespace.
func (c caller) blocks(namespace string) objects[api.Block] {
	return objects[api.Block]{c.about("blocks", namespace)}
}

// assignments calls about the Assignments of a namespace.
func (c caller) assignments(namespace string) objects[api.Assignment] {
	return objects[api.Assignment]{c.about("assignments", namespace)}
}

// swarms calls about the Swarms of a namespace.
func (c caller) swarms(namespace string) objects[api.Swarm] {
	return objects[api.Swarm]{c.about("swarms", namespace)}
}

func (c caller) about(resource, namespace string) dynamic.ResourceInterface {
	kind := schema.GroupVersionResource{Group: api.Group, Version: api.Version, Resource: resource}
	return dynamic.NewForConfigOrDie(c.config).Resource(kind).Namespace(namespace)
}

// objects are those of a kind in a namespace.
type objects[T any] struct {
	dynamic.ResourceInterface
}

func (o objects[T]) create(ctx context.Context, x *T) (*T, error) {
	return send(x, func(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return o.Create(ctx, u, metav1.CreateOptions{})
	})
}

func (o objects[T]) get(ctx context.Context, name string) (*T, error) {
	return send[T](nil, func(*unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return o.Get(ctx, name, metav1.GetOptions{})
	})
}

func (o objects[T]) update(ctx context.Context, x *T) (*T, error) {
	return send(x, func(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return o.Update(ctx, u, metav1.UpdateOptions{})
	})
}

func (o objects[T]) writeStatus(ctx context.Context, x *T) (*T, error) {
	return send(x, func(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
		return o.UpdateStatus(ctx, u, metav1.UpdateOptions{})
	})
}

// patch is a JSON patch, of a subresource if one is given.
func (o objects[T]) patch(ctx context.Context, name, patch string, subresource ...string) error {
	_, err := o.Patch(ctx, name, types.JSONPatchType, []byte(patch), metav1.PatchOptions{}, subresource...)
	return err
}

func (o objects[T]) remove(ctx context.Context, name string) error {
	return o.Delete(ctx, name, metav1.DeleteOptions{})
}

// send converts an object to what a dynamic client sends, and what it answers back.
func send[T any](x *T, call func(*unstructured.Unstructured) (*unstructured.Unstructured, error)) (*T, error) {
	request := &unstructured.Unstructured{}
	if x != nil {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(x)
		if err != nil {
			return nil, err
		}
		request.Object = fields
	}
	answer, err := call(request)
	if err != nil {
		return nil, err
	}
	result := new(T)
	return result, runtime.DefaultUnstructuredConverter.FromUnstructured(answer.Object, result)
}

// newNamespace makes a namespace in which the group "workers" and all service accounts may work, and join Swarms.
func newNamespace(t *testing.T) string {
	t.Helper()
	ns, err := admin().clientset().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{"workers", "system:serviceaccounts:" + ns.Name} {
		for _, role := range []string{"teamtask-worker", "teamtask-member"} {
			if err := bind(t.Context(), ns.Name, role, "Group", group); err != nil {
				t.Fatal(err)
			}
		}
	}
	return ns.Name
}

// bind gives a user or a group a ClusterRole in a namespace, and waits until the API server has heard of it.
func bind(ctx context.Context, namespace, role, kind, name string) error {
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: role + "." + name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}}}
	_, err := admin().clientset().RbacV1().RoleBindings(namespace).Create(ctx, binding, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	allows := authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Group: api.Group, Resource: "worklists"}
	if role == "teamtask-member" {
		allows.Resource = "swarms"
	}
	review := authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: &allows}
	if kind == "User" {
		review.User = name
	} else {
		review.Groups = []string{name}
	}
	return eventually(ctx, func() error {
		answer, err := admin().clientset().AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: review}, metav1.CreateOptions{})
		if err == nil && !answer.Status.Allowed {
			err = errNotYet
		}
		return err
	})
}

func newAssignment(swarm, worker string) *api.Assignment {
	return &api.Assignment{TypeMeta: metav1.TypeMeta{APIVersion: api.APIVersion, Kind: api.AssignmentKind},
		ObjectMeta: metav1.ObjectMeta{Name: swarm + "." + worker}, Spec: api.AssignmentSpec{Swarm: swarm, Worker: worker}}
}

func newBlock(name, worklist string) *api.Block {
	return &api.Block{TypeMeta: metav1.TypeMeta{APIVersion: api.APIVersion, Kind: api.BlockKind},
		ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: api.BlockSpec{Worklist: worklist}}
}

// refused checks that something was refused in these words.
func refused(t *testing.T, err error, words string) {
	t.Helper()
	if err == nil {
		t.Errorf("it is not refused; expected: %s", words)
	} else if !strings.Contains(err.Error(), words) {
		t.Errorf("it is refused with %q; expected: %s", err, words)
	}
}

// root is a path in the repository.
func root(path ...string) string { return filepath.Join(append([]string{"..", ".."}, path...)...) }
