package cluster

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"
)

// users are those who call the API server, with their groups.
var users = []struct{ file, name, group string }{
	{"admin", "admin", "system:masters"},
	{"controller-manager", "system:kube-controller-manager", ""},
	{"scheduler", "system:kube-scheduler", ""},
}

// credentials writes a token for each user, and a kubeconfig with it. Those that are there stay as they are.
func (c *Cluster) credentials() error {
	if err := os.MkdirAll(c.path("certs"), 0o700); err != nil {
		return err
	}
	if err := key(c.path("accounts.key")); err != nil {
		return fmt.Errorf("make a key for service accounts: %w", err)
	}
	var tokens strings.Builder
	for _, u := range users {
		token := rand.Text()
		fmt.Fprintf(&tokens, "%s,%s,%s,%q\n", token, u.name, u.name, u.group)
		if err := os.WriteFile(c.path(u.file+".kubeconfig"), []byte(c.kubeconfig(u.name, token)), 0o600); err != nil {
			return err
		}
	}
	return os.WriteFile(c.path("tokens.csv"), []byte(tokens.String()), 0o600)
}

// kubeconfig names the API server's certificate, which it makes when it starts, as its own authority.
func (c *Cluster) kubeconfig(user, token string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: teamtask
  cluster: {server: %q, certificate-authority: %q}
users:
- name: %[3]q
  user: {token: %[4]q}
contexts:
- name: teamtask
  context: {cluster: teamtask, user: %[3]q}
current-context: teamtask
`, c.URL, c.path("certs/apiserver.crt"), user, token)
}

// httpClient trusts the API server; an error means that it has not made its certificate yet.
func (c *Cluster) httpClient() (*http.Client, error) {
	pem, err := os.ReadFile(c.path("certs/apiserver.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", c.path("certs/apiserver.crt"))
	}
	return &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, nil
}
