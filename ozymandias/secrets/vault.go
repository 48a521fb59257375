package secrets

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/job"
)

// VaultOptions say where Vault is, and who we are to it.
type VaultOptions struct {
	// Address of Vault, as in "https://vault.example:8200". Default "": there is no Vault.
	Address string
	// CA are the authorities that vouch for Vault. Default nil: the machine's.
	CA *x509.CertPool
	// Certificate returns that of the node, by which it logs in.
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// Mount is where in Vault the TLS certificate auth method is. Default "cert".
	Mount string
}

// vault speaks Vault's HTTP API.
type vault struct {
	address *url.URL // nil: there is no Vault
	mount   string
	http    *http.Client
}

func newVault(o VaultOptions) (*vault, error) {
	v := &vault{mount: cmp.Or(o.Mount, "cert")}
	if o.Address == "" {
		return v, nil
	}
	address, err := url.Parse(o.Address)
	if err != nil || address.Scheme != "https" || address.Host == "" {
		return nil, fmt.Errorf("%q is no address of Vault: write https://HOST:PORT (without TLS a node could not log in by its certificate)", o.Address)
	}
	v.address = address
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: o.CA, GetClientCertificate: o.Certificate}
	v.http = &http.Client{Transport: transport, CheckRedirect: func(next *http.Request, _ []*http.Request) error {
		// A standby sends to the one that is active (307). Tokens go by TLS only.
		if next.URL.Scheme != "https" {
			return fmt.Errorf("redirected by Vault to %s, which is not https", next.URL.Host)
		}
		return nil
	}}
	return v, nil
}

// How long Vault, which may accept and never answer, is waited for: for a value, and when a token is given back.
const (
	answersWithin = 30 * time.Second
	revokesWithin = 5 * time.Second
)

// errSilent says that Vault has not answered in time.
var errSilent = fmt.Errorf("it has not answered within %s: is it well, and can this node reach it?", answersWithin)

// read returns one value.
func (v *vault) read(ctx context.Context, secret job.Vault) ([]byte, error) {
	if v.address == nil {
		return nil, fmt.Errorf("%s is a secret of Vault, but this node knows of no Vault: start it with Vault's address", secret.Path)
	}
	asked, done := context.WithTimeoutCause(ctx, answersWithin, errSilent)
	defer done()
	value, err := v.ask(asked, secret)
	if err != nil && context.Cause(asked) == errSilent {
		return nil, fmt.Errorf("read %s in Vault at %s: %w", secret.Path, v.address.Host, errSilent)
	}
	return value, err
}

// ask logs in anew each time and gives the token back at the end, so that nothing is left to be renewed.
func (v *vault) ask(ctx context.Context, secret job.Vault) ([]byte, error) {
	token, err := v.login(ctx, secret.Role)
	if err != nil {
		return nil, err
	}
	// One that cannot be given back, as Vault's batch tokens, ends by itself. One that can is, also when nobody wants the value any more.
	defer func() {
		ctx, done := context.WithTimeout(context.WithoutCancel(ctx), revokesWithin)
		defer done()
		_, _ = v.call(ctx, http.MethodPost, "auth/token/revoke-self", token, nil)
	}()
	answer, err := v.call(ctx, http.MethodGet, secret.Path, token, nil)
	var refused *refusal
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusForbidden:
		return nil, fmt.Errorf(`role %s may not read %s in Vault: give its policy the capability "read" on that path: %w`, secret.Role, secret.Path, err)
	case errors.As(err, &refused) && refused.status == http.StatusNotFound:
		return nil, fmt.Errorf("there is no secret at %s in Vault (in version 2 of the key-value engine, paths are as in secret/data/webapp): %w", secret.Path, err)
	case err != nil:
		return nil, fmt.Errorf("read %s in Vault: %w", secret.Path, err)
	case answer.LeaseID != "":
		return nil, fmt.Errorf("read %s in Vault: what is there is made anew for each reader and has to be renewed, which is not done here: use a secret of a key-value engine", secret.Path)
	}
	return answer.value(secret)
}

// login takes on a role.
func (v *vault) login(ctx context.Context, role string) (token string, err error) {
	answer, err := v.call(ctx, http.MethodPost, "auth/"+v.mount+"/login", "", map[string]string{"name": role})
	if err != nil {
		return "", fmt.Errorf("log in to Vault as role %s: %w (auth/%s/certs/%s in Vault has to have the cluster's CA certificate)", role, err, v.mount, role)
	}
	if answer.Auth.ClientToken == "" {
		return "", fmt.Errorf("log in to Vault as role %s: the answer has no token; is %s Vault?", role, v.address.Host)
	}
	return answer.Auth.ClientToken, nil
}

// answer is one of Vault's, as far as it matters here.
type answer struct {
	Errors, Warnings []string
	LeaseID          string `json:"lease_id"`
	Data             map[string]json.RawMessage
	Auth             struct {
		ClientToken string `json:"client_token"`
	}
}

// A refusal is an answer that is no success.
type refusal struct {
	status int
	words  []string
}

func (r *refusal) Error() string {
	return strings.Join(append([]string{fmt.Sprintf("Vault answers %d %s", r.status, http.StatusText(r.status))}, r.words...), ": ")
}

// call asks Vault. The error is a *refusal if it refuses.
func (v *vault) call(ctx context.Context, method, path, token string, body any) (*answer, error) {
	sent, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	if body == nil {
		sent = nil
	}
	r, err := http.NewRequestWithContext(ctx, method, v.address.JoinPath("v1", (&url.URL{Path: path}).EscapedPath()).String(), bytes.NewReader(sent))
	if err != nil {
		return nil, err
	}
	r.Header.Set("X-Vault-Request", "true")
	if token != "" {
		r.Header.Set("X-Vault-Token", token)
	}
	received, err := v.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer received.Body.Close()
	const most = 8 << 20 // far beyond what Vault stores in one entry
	text, err := io.ReadAll(io.LimitReader(received.Body, most))
	if err != nil {
		return nil, fmt.Errorf("read Vault's answer: %w", err)
	}
	var a answer
	err = json.Unmarshal(text, &a)
	switch {
	case received.StatusCode >= 300:
		return nil, &refusal{status: received.StatusCode, words: append(a.Errors, a.Warnings...)}
	case received.StatusCode == http.StatusNoContent:
		return &a, nil
	case err != nil:
		return nil, fmt.Errorf("read Vault's answer: %w", err)
	}
	return &a, nil
}

// value returns what is under a key. Version 2 of the key-value engine has the values one level deeper, beside their metadata.
func (a *answer) value(secret job.Vault) ([]byte, error) {
	values := a.Data
	var inner, metadata map[string]json.RawMessage
	if len(values) == 2 && json.Unmarshal(values["data"], &inner) == nil && json.Unmarshal(values["metadata"], &metadata) == nil && metadata["version"] != nil {
		values = inner
	}
	raw, ok := values[secret.Key]
	if !ok || bytes.Equal(raw, []byte("null")) {
		return nil, fmt.Errorf("secret %s in Vault has no key %q: it has %s", secret.Path, secret.Key, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return []byte(text), nil
	}
	return raw, nil // a number, or what is built of others, as JSON
}
