package kube

import (
	"fmt"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/client"
)

// operation is a call of the Kubernetes API, as RBAC speaks of it.
type operation struct{ verb, resource string }

func (o operation) writes() bool {
	switch o.verb {
	case "create", "update", "delete":
		return true
	}
	return false
}

func (o operation) String() string { return o.verb + " " + o.resource }

// explain puts an answer of the API server in the words of ours, so that a tier and its workers know what can be mended by
// asking again. name is the object's.
func explain(op operation, namespace, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case uninstalled(err):
		return fmt.Errorf("the API server knows no %s.teamtask.dev: Teamtask's CustomResourceDefinitions are not installed in this cluster (%w)", strings.TrimSuffix(op.resource, "/status"), err)
	case apierrors.IsNotFound(err):
		return &client.Problem{Status: http.StatusNotFound, Title: "Not Found",
			Detail: fmt.Sprintf("there is no %s %s in the namespace %s", strings.TrimSuffix(op.resource, "s"), name, namespace)}
	case apierrors.IsForbidden(err):
		return &client.Problem{Status: http.StatusForbidden, Title: "Forbidden",
			Detail: fmt.Sprintf("you may not %s in the namespace %s, and no work can be done without: %v", op, namespace, err)}
	case apierrors.IsUnauthorized(err):
		return &client.Problem{Status: http.StatusUnauthorized, Title: "Unauthorized",
			Detail: fmt.Sprintf("the API server does not accept the credentials: %v", err)}
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

// uninstalled tells whether the API server does not know the kind at all, as opposed to the object.
func uninstalled(err error) bool {
	_, unexpected := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
	return apierrors.IsNotFound(err) && unexpected
}

// hopeless tells whether asking again is of no use, as far as one can know: rights may be given yet. A status that is refused is
// about its Block alone.
func (o operation) hopeless(err error) bool {
	return uninstalled(err) || apierrors.IsForbidden(err) && !overQuota(err) || apierrors.IsUnauthorized(err) ||
		apierrors.IsMethodNotSupported(err) || refused(err) && o.verb != "update"
}

// refused tells whether the API server does not take what it was sent, whenever and by whom. That etcd does not take it has no
// other mark.
func refused(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err) ||
		apierrors.IsInternalError(err) && strings.Contains(err.Error(), "etcdserver: request is too large")
}

// overQuota tells whether a ResourceQuota of the namespace is used up, or new and not counted yet, which passes. Its admission
// plugin has no other mark.
func overQuota(err error) bool {
	return apierrors.IsForbidden(err) && (strings.Contains(err.Error(), "exceeded quota") || strings.Contains(err.Error(), "status unknown for quota"))
}
