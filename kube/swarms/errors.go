package swarms

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/member"
)

// errHopeless marks what asking again does not mend, unless it has worked before.
type errHopeless struct{ error }

func (e errHopeless) Unwrap() error { return e.error }

// explain puts an answer of the API server in the words of ours. op is what was asked for, as RBAC speaks of it.
func (d *Door) explain(op, name string, err error) error {
	kind := strings.TrimSuffix(op[strings.Index(op, " ")+1:], "/status")
	switch {
	case uninstalled(err):
		return errHopeless{fmt.Errorf("the API server knows no %s.teamtask.dev: Teamtask's CustomResourceDefinitions are not installed in this cluster (%w)", kind, err)}
	case apierrors.IsNotFound(err):
		return errHopeless{fmt.Errorf("there is no %s %s in the namespace %s", strings.TrimSuffix(kind, "s"), name, d.Namespace)}
	case apierrors.IsForbidden(err) && !strings.Contains(err.Error(), "ValidatingAdmissionPolicy"):
		return errHopeless{fmt.Errorf("you may not %s in the namespace %s: bind the ClusterRole teamtask-member to this account there, "+
			"as with `kubectl create rolebinding members --namespace %s --clusterrole teamtask-member --serviceaccount %s:ACCOUNT` (%w)", op, d.Namespace, d.Namespace, d.Namespace, err)}
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err), apierrors.IsInvalid(err) && strings.HasPrefix(op, "create "):
		return errHopeless{fmt.Errorf("%s %s: %w", op, name, err)}
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}

// hopeless is an error of joining, as package member knows it. Once a worker has been inside it comes back whatever is missing now:
// an API server that has just started does not know all rights yet.
func (d *Door) hopeless(err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.As(err, new(errHopeless)) && !d.been {
		return fmt.Errorf("%w: %w", member.ErrRefused, err)
	}
	return err
}

// uninstalled tells whether the API server does not know the kind at all, as opposed to the object.
func uninstalled(err error) bool {
	_, unexpected := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
	return apierrors.IsNotFound(err) && unexpected
}
