package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// OpenID says which users of an OpenID provider may call. The fields are those of the API server's flags --oidc-*: a user has the
// same name, and so the same rights, whichever of the two they call.
type OpenID struct {
	Issuer         string // https
	ClientID       string
	CAFile         string // certificates (PEM) of who vouches for the provider's; "": those this machine trusts
	UsernameClaim  string // default sub
	UsernamePrefix string // default the issuer and "#", unless the claim is email; "-": none
	GroupsClaim    string // default none
	GroupsPrefix   string

	verifier *oidc.IDTokenVerifier
}

// Connect finds the provider's keys.
func (o *OpenID) Connect(ctx context.Context) error {
	if !strings.HasPrefix(o.Issuer, "https://") {
		return fmt.Errorf("the issuer is %q, but must be a URL with https: whoever can change its answers can be any user", o.Issuer)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if o.CAFile != "" {
		text, err := os.ReadFile(o.CAFile)
		if err != nil {
			return err
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("%s has no certificate in it", o.CAFile)
		}
	}
	ctx = oidc.ClientContext(ctx, &http.Client{Transport: transport, Timeout: patience})
	provider, err := oidc.NewProvider(ctx, o.Issuer)
	if err != nil {
		return fmt.Errorf("find the OpenID provider: %w", err)
	}
	o.verifier = provider.Verifier(&oidc.Config{ClientID: o.ClientID})
	return nil
}

// subject is the user of an ID token, and when it expires. Nil: it is none of this provider's for this client, or has expired. An
// error: it cannot be told.
func (o *OpenID) subject(ctx context.Context, token string) (*subject, time.Time, error) {
	id, err := o.verifier.Verify(ctx, token)
	switch {
	case err == nil:
	case strings.Contains(err.Error(), "fetching keys"): // the library has no other mark; the token may be good
		return nil, time.Time{}, fmt.Errorf("ask the OpenID provider for its keys: %w", err)
	default:
		return nil, time.Time{}, nil
	}
	var claims map[string]json.RawMessage
	if id.Claims(&claims) != nil {
		return nil, time.Time{}, nil
	}
	s, err := o.user(claims)
	if err != nil {
		return nil, time.Time{}, nil
	}
	return s, id.Expiry, nil
}

// user is who claims are about, by the API server's rules:
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#configuring-the-api-server
func (o *OpenID) user(claims map[string]json.RawMessage) (*subject, error) {
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
	var name string
	if json.Unmarshal(claims[claim], &name) != nil || name == "" {
		return nil, fmt.Errorf("the token has no claim %s with a name in it", claim)
	}
	if raw, said := claims["email_verified"]; claim == "email" && said {
		var verified bool
		if json.Unmarshal(raw, &verified) != nil || !verified {
			return nil, errors.New("the token's email is not verified")
		}
	}
	s := &subject{name: prefix + name}
	if raw, ok := claims[o.GroupsClaim]; ok && o.GroupsClaim != "" {
		var groups []string
		if json.Unmarshal(raw, &groups) != nil {
			groups = make([]string, 1)
			if json.Unmarshal(raw, &groups[0]) != nil {
				return nil, fmt.Errorf("the token's claim %s is neither a group nor a list of groups", o.GroupsClaim)
			}
		}
		for _, group := range groups {
			s.groups = append(s.groups, o.GroupsPrefix+group)
		}
	}
	s.groups = append(s.groups, "system:authenticated")
	return s, nil
}
