package gateway_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	authentication "k8s.io/api/authentication/v1"

	"teamtask.dev/gateway"
)

// apiServerWith starts a second API server on the same etcd, with more flags, and returns its URL. It is to be stopped before the
// next is started, which may be given the same port.
func (s *site) apiServerWith(flags ...string) (url string, stop func()) {
	s.Helper()
	_, args := s.apiServer()
	address := s.freeAddress()
	port := address[strings.LastIndex(address, ":")+1:]
	for i := range args {
		if args[i] == "--secure-port" {
			args[i+1] = port
		}
	}
	log, err := os.Create(filepath.Join(s.TempDir(), "log"))
	s.must(err)
	defer log.Close()
	cmd := exec.Command(args[0], append(args[1:], flags...)...)
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.must(cmd.Start())
	stop = sync.OnceFunc(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	s.Cleanup(stop)
	return "https://127.0.0.1:" + port, stop
}

// whoAmI is who an API server says that a token's user is; false: nobody that it knows, or does not know yet.
func (s *site) whoAmI(url, token string) (who authentication.UserInfo, ok bool) {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(running.Dir, "certs", "ca.crt"))
	s.must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(s.Context(), "POST", url+"/apis/authentication.k8s.io/v1/selfsubjectreviews",
		strings.NewReader(`{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}`))
	s.must(err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return who, false
	}
	defer resp.Body.Close()
	var review authentication.SelfSubjectReview
	if resp.StatusCode != http.StatusCreated || json.NewDecoder(resp.Body).Decode(&review) != nil {
		return who, false
	}
	return review.Status.UserInfo, true
}

// A user has the same name at the gateway as at an API server with the same flags --oidc-*.
func TestOpenIDNames(t *testing.T) {
	s := newSite(t)
	certificate, key := s.certificate()
	p := s.provide("0", certificate, key)
	token := p.token("teamtask", "ann", `{"groups":["makers"],"email":"ann@id.example"}`, time.Hour)
	for _, c := range []struct {
		openID gateway.OpenID
		flags  []string
	}{
		{gateway.OpenID{}, nil},
		{gateway.OpenID{UsernameClaim: "email"}, []string{"--oidc-username-claim", "email"}},
		{gateway.OpenID{UsernameClaim: "email", UsernamePrefix: "mail:"}, []string{"--oidc-username-claim", "email", "--oidc-username-prefix", "mail:"}},
		{gateway.OpenID{UsernamePrefix: "-"}, []string{"--oidc-username-prefix", "-"}},
	} {
		c.openID.Issuer, c.openID.ClientID, c.openID.CAFile = p.issuer, "teamtask", certificate
		d := s.open(gatewayUser, func(o *gateway.Options) {
			o.OpenID = &c.openID
			s.must(o.OpenID.Connect(t.Context()))
		})
		url, stop := s.apiServerWith(append([]string{"--oidc-issuer-url", p.issuer, "--oidc-client-id", "teamtask", "--oidc-ca-file", certificate}, c.flags...)...)
		var who authentication.UserInfo
		s.until("the API server knows the user", func() (ok bool) {
			who, ok = s.whoAmI(url, token)
			return ok
		})
		a := d.call("GET", "/v1/worklists", token, "") // which they may not, and that says who they are
		if name, _, _ := strings.Cut(a.problem.Detail, " may not "); a.status != 403 || name != who.Username {
			t.Errorf("%q: %q for the API server: %d %s", c.flags, who.Username, a.status, a.body)
		}
		stop()
	}
}
