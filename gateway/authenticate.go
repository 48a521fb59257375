package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
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

// OpenID says which users of an OpenID provider may call. The fields are those of the API server's flags --oidc-*: a user has the
// same name, and so the same rights, whichever of the two they call.
type OpenID struct {
	Issuer         string
	ClientID       string
	UsernameClaim  string // default sub
	UsernamePrefix string // default the issuer and "#", unless the claim is email; "-": none
	GroupsClaim    string // default none
	GroupsPrefix   string

	verifier *oidc.IDTokenVerifier
}

// Connect finds the provider's keys.
func (o *OpenID) Connect(ctx context.Context) error {
	provider, err := oidc.NewProvider(ctx, o.Issuer)
	if err != nil {
		return fmt.Errorf("find the OpenID provider: %w", err)
	}
	o.verifier = provider.Verifier(&oidc.Config{ClientID: o.ClientID})
	return nil
}

// subject is the user of an ID token.
func (o *OpenID) subject(ctx context.Context, token string) (*subject, error) {
	id, err := o.verifier.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return nil, err
	}
	claim, prefix := o.UsernameClaim, o.UsernamePrefix
	if claim == "" {
		claim = "sub"
	}
	switch {
	case prefix == "-":
		prefix = ""
	case prefix == "" && claim != "email":
		prefix = o.Issuer + "#"
	}
	name, _ := claims[claim].(string)
	if name == "" {
		return nil, fmt.Errorf("the token has no claim %s", claim)
	}
	if verified, said := claims["email_verified"].(bool); claim == "email" && said && !verified {
		return nil, errors.New("the token's email is not verified")
	}
	s := &subject{name: prefix + name, groups: []string{"system:authenticated"}}
	switch groups := claims[o.GroupsClaim].(type) {
	case string:
		s.groups = append(s.groups, o.GroupsPrefix+groups)
	case []any:
		for _, group := range groups {
			if text, ok := group.(string); ok {
				s.groups = append(s.groups, o.GroupsPrefix+text)
			}
		}
	}
	return s, nil
}

// remembered is how long an answer of the API server is gone by: a token that was revoked, or a right that was taken, is
// good for that long still.
const remembered = 10 * time.Second

// authenticator knows who calls by their bearer token.
type authenticator struct {
	reviews ctrl.Writer
	openID  *OpenID
	known   *memory[[sha256.Size]byte, *subject]
}

func newAuthenticator(reviews ctrl.Writer, openID *OpenID) *authenticator {
	return &authenticator{reviews: reviews, openID: openID, known: newMemory[[sha256.Size]byte, *subject](remembered)}
}

// who is the subject of a token; nil: nobody that is known.
func (a *authenticator) who(ctx context.Context, token string) (*subject, error) {
	if token == "" {
		return nil, nil
	}
	return a.known.get(ctx, sha256.Sum256([]byte(token)), func(ctx context.Context) (*subject, error) {
		if a.openID != nil {
			if s, err := a.openID.subject(ctx, token); err == nil {
				return s, nil
			}
		}
		review := &authentication.TokenReview{Spec: authentication.TokenReviewSpec{Token: token}}
		if err := a.reviews.Create(ctx, review); err != nil {
			return nil, fmt.Errorf("ask the API server who calls: %w", err)
		}
		if !review.Status.Authenticated {
			return nil, nil
		}
		u := review.Status.User
		return &subject{name: u.Username, uid: u.UID, groups: u.Groups, extra: u.Extra}, nil
	})
}
