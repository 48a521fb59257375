package gateway

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"time"

	authentication "k8s.io/api/authentication/v1"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"
)

// subject is who calls.
type subject struct {
	name   string
	uid    string
	groups []string
	extra  map[string]authentication.ExtraValue
}

// longestToken is how many bytes a token has at most: one with the groups of its user in it has some thousands.
const longestToken = 64 << 10

// bearer is the token that a call brings (RFC 6750); "": none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token = strings.TrimSpace(token); !strings.EqualFold(scheme, "Bearer") || len(token) > longestToken {
		return ""
	}
	return token
}

// authenticator knows who calls by their bearer token.
type authenticator struct {
	reviews ctrl.Writer
	openID  *OpenID
	known   *memory[[sha256.Size]byte, *subject] // by a digest of the token: no token is kept
}

func newAuthenticator(reviews ctrl.Writer, openID *OpenID) *authenticator {
	return &authenticator{reviews: reviews, openID: openID, known: newMemory[[sha256.Size]byte, *subject]()}
}

// who is the subject of a token; nil: nobody that is known.
func (a *authenticator) who(ctx context.Context, token string) (*subject, error) {
	if token == "" {
		return nil, nil
	}
	return a.known.get(ctx, sha256.Sum256([]byte(token)), func(ctx context.Context) (*subject, time.Time, error) {
		if a.openID != nil {
			if s, expires, err := a.openID.subject(ctx, token); s != nil || err != nil {
				return s, expires, err
			}
		}
		review := &authentication.TokenReview{Spec: authentication.TokenReviewSpec{Token: token}}
		if err := a.reviews.Create(ctx, review); err != nil {
			return nil, time.Time{}, fmt.Errorf("ask the API server who calls: %w", err)
		}
		if !review.Status.Authenticated {
			return nil, time.Time{}, nil
		}
		u := review.Status.User
		return &subject{name: u.Username, uid: u.UID, groups: u.Groups, extra: u.Extra}, time.Time{}, nil
	})
}
