package secrets_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/secrets/vaulttest"
)

type object = map[string]any

// at is a node's way to Vault.
func at(t *testing.T, address string, ca *x509.CertPool, certificate tls.Certificate) *secrets.Store {
	t.Helper()
	s, err := secrets.Open(nil, key, secrets.VaultOptions{Address: address, CA: ca,
		Certificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &certificate, nil }})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func authority(t *testing.T) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// text is the authority's certificate.
func text(t *testing.T, a *pki.Authority) string {
	t.Helper()
	certificate, _, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(certificate)
}

func issue(t *testing.T, a *pki.Authority) tls.Certificate {
	t.Helper()
	certificate, key := vaulttest.Issue(t, a, "n1")
	return pair(t, certificate, key)
}

func pair(t *testing.T, certificate, key []byte) tls.Certificate {
	t.Helper()
	p, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A node takes on the role and reads what the role may read, from both versions of the key-value engine. What goes wrong is said in words
// that tell what to do.
func TestVault(t *testing.T) {
	v, cluster := vaulttest.Start(t), authority(t)
	v.Write(t, "sys/mounts/secret", object{"type": "kv", "options": object{"version": "2"}})
	v.Write(t, "sys/mounts/old", object{"type": "kv", "options": object{"version": "1"}})
	v.Write(t, "sys/auth/cert", object{"type": "cert"})
	v.Write(t, "sys/policies/acl/webapp", object{"policy": `path "secret/data/webapp*" { capabilities = ["read"] } path "secret/webapp" { capabilities = ["read"] } path "old/*" { capabilities = ["read"] }`})
	v.Write(t, "auth/cert/certs/webapp", object{"certificate": text(t, cluster), "allowed_dns_sans": pki.NodeHost, "token_policies": []string{"webapp"}, "token_ttl": "1m"})
	v.Write(t, "auth/cert/certs/batch", object{"certificate": text(t, cluster), "token_policies": []string{"webapp"}, "token_type": "batch"})
	v.Write(t, "auth/cert/certs/other", object{"certificate": text(t, authority(t)), "token_policies": []string{"webapp"}})
	v.Write(t, "secret/data/webapp", object{"data": object{"password": "xyzzy", "port": 5432, "tags": []string{"a", "b"}, "void": nil}})
	v.Write(t, "secret/data/webapp/with blank", object{"data": object{"password": "plugh"}})
	v.Write(t, "secret/data/elsewhere", object{"data": object{"password": "plugh"}})
	v.Write(t, "old/db", object{"password": "plover"})
	v.Write(t, "old/odd", object{"data": "d", "metadata": object{"version": 1}})
	v.Write(t, "old/nested", object{"data": object{"a": 1}, "metadata": object{}})
	v.Write(t, "old/three", object{"data": object{"a": 1}, "metadata": object{"version": 1}, "more": "m"})
	node := at(t, v.Address, v.CA, issue(t, cluster))
	for _, c := range []struct {
		path, key, role string
		want, fault     string
	}{
		{path: "secret/data/webapp", key: "password", role: "webapp", want: "xyzzy"},
		{path: "/secret/data/webapp", key: "password", role: "webapp", want: "xyzzy"},
		{path: "secret/data/webapp", key: "password", role: "batch", want: "xyzzy"},
		{path: "secret/data/webapp", key: "port", role: "webapp", want: "5432"},
		{path: "secret/data/webapp", key: "tags", role: "webapp", want: `["a","b"]`},
		{path: "secret/data/webapp/with blank", key: "password", role: "webapp", want: "plugh"},
		{path: "old/db", key: "password", role: "webapp", want: "plover"},
		{path: "old/odd", key: "data", role: "webapp", want: "d"},
		{path: "old/nested", key: "data", role: "webapp", want: `{"a":1}`},
		{path: "old/three", key: "more", role: "webapp", want: "m"},
		{path: "secret/data/webapp", key: "pasword", role: "webapp", fault: `secret secret/data/webapp in Vault has no key "pasword": it has password, port, tags, void`},
		{path: "secret/data/webapp", key: "void", role: "webapp", fault: `has no key "void"`},
		{path: "secret/data/webapp-2", key: "password", role: "webapp", fault: "there is no secret at secret/data/webapp-2 in Vault"},
		{path: "secret/webapp", key: "password", role: "webapp", fault: "Invalid path for a versioned K/V secrets engine"},
		{path: "secret/data/elsewhere", key: "password", role: "webapp", fault: `role webapp may not read secret/data/elsewhere in Vault: give its policy the capability "read" on that path`},
		{path: "secret/data/webapp", key: "password", role: "nobody", fault: "log in to Vault as role nobody: Vault answers 400 Bad Request: "},
		{path: "secret/data/webapp", key: "password", role: "other", fault: "(auth/cert/certs/other in Vault has to have the cluster's CA certificate)"},
	} {
		got, err := node.Resolve(t.Context(), job.Secret{Vault: &job.Vault{Path: c.path, Key: c.key, Role: c.role}})
		if c.fault == "" && (err != nil || string(got) != c.want) {
			t.Errorf("%s %s as %s is %q, %v; want %q", c.path, c.key, c.role, got, err, c.want)
		}
		if c.fault != "" && (err == nil || got != nil || !strings.Contains(err.Error(), c.fault)) {
			t.Errorf("%s %s as %s is %q, %v; want %s", c.path, c.key, c.role, got, err, c.fault)
		}
	}
	read := job.Secret{Vault: &job.Vault{Path: "secret/data/webapp", Key: "password", Role: "webapp"}}
	stranger := at(t, v.Address, v.CA, issue(t, authority(t)))
	if got, err := stranger.Resolve(t.Context(), read); err == nil {
		t.Errorf("a node of another cluster reads %q", got)
	}
	// Nor does anybody who only has a certificate for the API.
	certificate, key, err := cluster.IssueAdmin(time.Now(), "ann", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := at(t, v.Address, v.CA, pair(t, certificate, key)).Resolve(t.Context(), read); err == nil {
		t.Errorf("an admin reads %q", got)
	}
	// Nor is a Vault believed that nobody vouches for.
	if got, err := at(t, v.Address, cluster.Pool(), issue(t, cluster)).Resolve(t.Context(), read); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("from a Vault that is not vouched for: %q, %v", got, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := node.Resolve(ended, read); !errors.Is(err, context.Canceled) {
		t.Errorf("Resolve() = %v", err)
	}
	if tokens := v.Tokens(t); tokens != 1 {
		t.Errorf("%d tokens are left; want the root's alone", tokens)
	}
}

// Answers that a real Vault gives rarely, and other servers' ones.
func TestOddAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		login, read http.HandlerFunc
		fault       string
	}{
		"sealed":   {login: answer(503, `{"errors": ["Vault is sealed"]}`), fault: "Vault answers 503 Service Unavailable: Vault is sealed"},
		"no Vault": {login: answer(200, "<html>"), fault: "read Vault's answer"},
		"no token": {login: answer(200, "{}"), fault: "the answer has no token; is 127.0.0.1"},
		"by lease": {read: answer(200, `{"lease_id": "database/creds/a/1", "data": {"k": "v"}}`), fault: "has to be renewed, which is not done here"},
		"out of TLS": {read: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1/", http.StatusTemporaryRedirect)
		}, fault: "which is not https"},
		"no contents": {read: answer(204, ""), fault: `has no key "k"`},
	} {
		t.Run(name, func(t *testing.T) {
			mux := http.NewServeMux()
			if c.login == nil {
				c.login = answer(200, `{"auth": {"client_token": "t"}}`)
			}
			mux.HandleFunc("POST /v1/auth/cert/login", c.login)
			mux.HandleFunc("POST /v1/auth/token/revoke-self", answer(204, ""))
			if c.read != nil {
				mux.HandleFunc("GET /v1/a", c.read)
			}
			server := httptest.NewTLSServer(mux)
			defer server.Close()
			pool := x509.NewCertPool()
			pool.AddCert(server.Certificate())
			got, err := at(t, server.URL, pool, issue(t, authority(t))).Resolve(t.Context(), job.Secret{Vault: &job.Vault{Path: "a", Key: "k", Role: "r"}})
			if got != nil || err == nil || !strings.Contains(err.Error(), c.fault) {
				t.Errorf("it is %q, %v; want %s", got, err, c.fault)
			}
		})
	}
}

// A token is given back also when nobody waits for the secret any more.
func TestRevoked(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/auth/cert/login", answer(200, `{"auth": {"client_token": "t"}}`))
	mux.HandleFunc("GET /v1/a", func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	revoked := ""
	mux.HandleFunc("POST /v1/auth/token/revoke-self", func(w http.ResponseWriter, r *http.Request) {
		revoked = r.Header.Get("X-Vault-Token")
		w.WriteHeader(http.StatusNoContent)
	})
	server := httptest.NewTLSServer(mux)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	_, err := at(t, server.URL, pool, issue(t, authority(t))).Resolve(ctx, job.Secret{Vault: &job.Vault{Path: "a", Key: "k", Role: "r"}})
	server.Close() // waits for what is asked
	if !errors.Is(err, context.Canceled) || revoked != "t" {
		t.Errorf("Resolve() = %v, and the token given back is %q", err, revoked)
	}
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		if body != "" {
			_, _ = w.Write([]byte(body))
		}
	}
}

func TestVaultOptions(t *testing.T) {
	for _, address := range []string{"http://127.0.0.1:8200", "127.0.0.1:8200", "https://", "://"} {
		if _, err := secrets.Open(nil, key, secrets.VaultOptions{Address: address}); err == nil || !strings.Contains(err.Error(), "write https://HOST:PORT") {
			t.Errorf("%s: %v", address, err)
		}
	}
	s, err := secrets.Open(nil, key, secrets.VaultOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(t.Context(), job.Secret{Vault: &job.Vault{Path: "a", Key: "k", Role: "r"}}); err == nil || !strings.Contains(err.Error(), "start it with Vault's address") {
		t.Errorf("without a Vault: %v", err)
	}
}
