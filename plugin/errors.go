package plugin

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// readable puts what the API server says to a call about worklists into words that say what to do.
func (s *session) readable(verb, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return errUninstalled
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no worklist %s in the namespace %s", name, s.namespace)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not %s worklists in the namespace %s: %w", verb, s.namespace, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not accept your credentials: %w", err)
	}
	return fmt.Errorf("%s worklist %s: %w", verb, name, err)
}
