package gateway

import (
	"context"
	"fmt"
	"time"

	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// right is a verb on worklists that a subject may have.
type right struct {
	subject string // all of it in writing, so that a right is comparable
	verb    string
	list    types.NamespacedName
}

// authorizer asks the API server what a caller may do.
type authorizer struct {
	reviews ctrl.Writer
	known   *memory[right, bool]
}

func newAuthorizer(reviews ctrl.Writer) *authorizer {
	return &authorizer{reviews: reviews, known: newMemory[right, bool]()}
}

// may tells whether a subject has a verb on a worklist; one without a name is all of its namespace.
func (a *authorizer) may(ctx context.Context, s *subject, verb string, list types.NamespacedName) (bool, error) {
	key := right{fmt.Sprintf("%q %q %q %q", s.name, s.uid, s.groups, s.extra), verb, list}
	return a.known.get(ctx, key, func(ctx context.Context) (bool, time.Time, error) {
		extra := map[string]authorization.ExtraValue{}
		for k, v := range s.extra {
			extra[k] = authorization.ExtraValue(v)
		}
		review := &authorization.SubjectAccessReview{
			Spec: authorization.SubjectAccessReviewSpec{User: s.name, UID: s.uid, Groups: s.groups, Extra: extra,
				ResourceAttributes: &authorization.ResourceAttributes{Group: v1alpha1.Group, Version: v1alpha1.Version, Resource: "worklists",
					Verb: verb, Namespace: list.Namespace, Name: list.Name}}}
		if err := a.reviews.Create(ctx, review); err != nil {
			return false, time.Time{}, fmt.Errorf("ask the API server what %s may do: %w", s.name, err)
		}
		return review.Status.Allowed, time.Time{}, nil
	})
}
