package plugin

import (
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/cmdline"
)

// readable puts what the API server says to a call about worklists, or swarms, into words that say what to do.
func (s *session) readable(verb string, o cmdline.Object, err error) error {
	kind := strings.ToLower(o.Kind)
	switch {
	case err == nil:
		return nil
	case apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return fmt.Errorf("there is no Teamtask in this cluster: its API server knows no %ss.%s; install the chart, or at least the CustomResourceDefinitions", kind, v1alpha1.Group)
	case apierrors.IsNotFound(err):
		return fmt.Errorf("there is no %s %s in the namespace %s", kind, o.Name, s.namespace)
	case apierrors.IsForbidden(err):
		return fmt.Errorf("you may not %s %ss in the namespace %s: %w", verb, kind, s.namespace, err)
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not accept your credentials: %w", err)
	}
	return fmt.Errorf("%s %s %s: %w", verb, kind, o.Name, err)
}
