package gateway

import (
	"context"
	"fmt"
	"strings"

	authorization "k8s.io/api/authorization/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// right is a verb on worklists that a subject may have.
type right struct {
	subject, groups, uid, extra string // groups and extra in writing, so that a right is comparable
	verb, namespace, name       string
}

// authorizer asks the API server what a caller may do.
type authorizer struct {
	reviews ctrl.Writer
	known   *memory[right, bool]
}

func newAuthorizer(reviews ctrl.Writer) *authorizer {
	return &authorizer{reviews: reviews, known: newMemory[right, bool](remembered)}
}

// may tells whether a subject has a verb on a worklist; name "": on all of the namespace.
func (a *authorizer) may(ctx context.Context, s *subject, verb, namespace, name string) (bool, error) {
	key := right{s.name, strings.Join(s.groups, "\x00"), s.uid, fmt.Sprint(s.extra), verb, namespace, name}
	return a.known.get(ctx, key, func(ctx context.Context) (bool, error) {
		extra := map[string]authorization.ExtraValue{}
		for k, v := range s.extra {
			extra[k] = authorization.ExtraValue(v)
		}
		review := &authorization.SubjectAccessReview{
			Spec: authorization.SubjectAccessReviewSpec{User: s.name, UID: s.uid, Groups: s.groups, Extra: extra,
				ResourceAttributes: &authorization.ResourceAttributes{Group: v1alpha1.Group, Version: v1alpha1.Version, Resource: "worklists",
					Verb: verb, Namespace: namespace, Name: name}}}
		if err := a.reviews.Create(ctx, review); err != nil {
			return false, fmt.Errorf("ask the API server what %s may do: %w", s.name, err)
		}
		return review.Status.Allowed, nil
	})
}
