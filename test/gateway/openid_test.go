package gateway_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"teamtask.dev/gateway"
)

// provider is an OpenID provider: npm's oidc-provider, in node.
type provider struct {
	*site
	cmd    *exec.Cmd
	issuer string
	ca     string // file
	web    *http.Client
}

// providerDir is where the provider's program is, with the packages it needs: they are installed there once, by the lock file.
func (s *site) providerDir() string {
	s.Helper()
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			s.Fatalf("the tests with OpenID need %s (20.12 or later), which is not installed: %v", program, err)
		}
	}
	cache, err := os.UserCacheDir()
	s.must(err)
	lock, err := os.ReadFile("provider/package-lock.json")
	s.must(err)
	sum := sha256.Sum256(lock)
	dir := filepath.Join(cache, "teamtask", "oidc-provider-"+hex.EncodeToString(sum[:6]))
	s.must(os.MkdirAll(dir, 0o700))
	alone, err := os.Create(filepath.Join(dir, "lock"))
	s.must(err)
	defer alone.Close()
	s.must(syscall.Flock(int(alone.Fd()), syscall.LOCK_EX))
	for _, file := range []string{"package.json", "package-lock.json", "server.mjs"} {
		text, err := os.ReadFile(filepath.Join("provider", file))
		s.must(err)
		next := filepath.Join(dir, file+".next") // another test's provider may be reading it at this moment
		s.must(os.WriteFile(next, text, 0o600))
		s.must(os.Rename(next, filepath.Join(dir, file)))
	}
	if _, err := os.Stat(filepath.Join(dir, "installed")); err == nil {
		return dir
	}
	install := exec.CommandContext(s.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		s.Fatalf("npm cannot install oidc-provider: %v\n%s", err, out)
	}
	s.must(os.WriteFile(filepath.Join(dir, "installed"), nil, 0o600))
	return dir
}

// certificate makes one for 127.0.0.1 that vouches for itself.
func (s *site) certificate() (certificate, key string) {
	s.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "provider"}, SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 1),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, k.Public(), k)
	s.must(err)
	private, err := x509.MarshalPKCS8PrivateKey(k)
	s.must(err)
	dir := s.TempDir()
	certificate, key = filepath.Join(dir, "crt.pem"), filepath.Join(dir, "key.pem")
	s.must(os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	s.must(os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	return certificate, key
}

// provide starts a provider, with keys of its own, on a port; 0 is any.
func (s *site) provide(port, certificate, key string) *provider {
	s.Helper()
	p := &provider{site: s, ca: certificate}
	p.cmd = exec.Command("node", "server.mjs", port, certificate, key)
	p.cmd.Dir = s.providerDir()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.cmd.Stderr = s.Output()
	out, err := p.cmd.StdoutPipe()
	s.must(err)
	_, err = p.cmd.StdinPipe() // it ends with this process
	s.must(err)
	s.must(p.cmd.Start())
	s.Cleanup(p.stop)
	if p.issuer, err = bufio.NewReader(out).ReadString('\n'); err != nil {
		s.Fatalf("the provider does not start: %v", err)
	}
	p.issuer = strings.TrimSpace(p.issuer)
	pool := x509.NewCertPool()
	text, err := os.ReadFile(certificate)
	s.must(err)
	pool.AppendCertsFromPEM(text)
	p.web = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, DisableKeepAlives: true}}
	return p
}

func (p *provider) stop() {
	if p.cmd.ProcessState == nil {
		p.cmd.Process.Kill()
		p.cmd.Wait()
	}
}

// token is an ID token of a user for a client.
func (p *provider) token(client, user, claims string, lifetime time.Duration) string {
	p.Helper()
	resp, err := p.web.PostForm(p.issuer+"/token", url.Values{"grant_type": {"password"}, "client_id": {client}, "client_secret": {"secret"},
		"username": {user}, "claims": {claims}, "lifetime": {fmt.Sprint(int(lifetime.Seconds()))}})
	p.must(err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	p.must(err)
	var answer struct {
		Token string `json:"id_token"`
	}
	if json.Unmarshal(text, &answer); answer.Token == "" {
		p.Fatalf("the provider gives no token: %s", text)
	}
	return answer.Token
}

// bind gives a user or a group the right to list and to work here.
func (s *site) bind(name, kind, who string) {
	s.Helper()
	s.must(running.Apply(s.Context(), fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: %s, namespace: %s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: teamtask-worker}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: %s, name: %q}]
`, name, s.namespace, kind, who)))
	if kind == "Group" {
		s.allowed("anybody", []string{who}, "work", "")
	} else {
		s.allowed(who, nil, "work", "")
	}
}

// Users of an OpenID provider have the rights that are bound to the names that the API server's --oidc-* would give them.
func TestOpenID(t *testing.T) {
	s := newSite(t)
	certificate, key := s.certificate()
	p, other := s.provide("0", certificate, key), s.provide("0", certificate, key)
	d := s.open(gatewayUser, func(o *gateway.Options) {
		o.OpenID = &gateway.OpenID{Issuer: p.issuer, ClientID: "teamtask", CAFile: certificate, GroupsClaim: "groups", GroupsPrefix: "oidc:"}
		s.must(o.OpenID.Connect(t.Context()))
	})
	s.create("primes", 1_000_000, nil)
	s.bind("ann", "User", p.issuer+"#ann")
	s.bind("plain", "User", "plain")
	s.bind("makers", "Group", "oidc:makers")
	right := p.token("teamtask", "ann", "", time.Hour)
	cut := strings.LastIndex(right, ".")
	for what, c := range map[string]struct {
		token string
		want  int
	}{
		"the right token":                    {right, 200},
		"for another client":                 {p.token("another", "ann", "", time.Hour), 401},
		"of another issuer":                  {other.token("teamtask", "ann", "", time.Hour), 401},
		"with another's signature":           {right[:cut] + other.token("teamtask", "ann", "", time.Hour)[cut:], 401},
		"without a signature":                {right[:cut+1], 401},
		"of a user with no right":            {p.token("teamtask", "bob", "", time.Hour), 403},
		"of a name without its prefix":       {p.token("teamtask", "plain", "", time.Hour), 403},
		"by one group":                       {p.token("teamtask", "bob", `{"groups":["eaters","makers"]}`, time.Hour), 200},
		"by no group":                        {p.token("teamtask", "bob", `{"groups":["eaters"]}`, time.Hour), 403},
		"by a group with the prefix already": {p.token("teamtask", "bob", `{"groups":["oidc:makers"]}`, time.Hour), 403},
		"of a service account":               {s.account("worker", "list, work"), 200},
		"which is none":                      {"e30.e30.e30", 401},
	} {
		if a := d.call("GET", "/v1/worklists", c.token, ""); a.status != c.want {
			t.Errorf("a token %s: %d, want %d: %s", what, a.status, c.want, a.body)
		}
		if a := d.call("POST", "/v1/worklists/primes/blocks/claim", c.token, claim); a.status != c.want {
			t.Errorf("a token %s, to work: %d, want %d: %s", what, a.status, c.want, a.body)
		}
	}
}

// Emails are names without a prefix, unless the provider says that they are not verified.
func TestOpenIDEmail(t *testing.T) {
	s := newSite(t)
	certificate, key := s.certificate()
	p := s.provide("0", certificate, key)
	d := s.open(gatewayUser, func(o *gateway.Options) {
		o.OpenID = &gateway.OpenID{Issuer: p.issuer, ClientID: "teamtask", CAFile: certificate, UsernameClaim: "email"}
		s.must(o.OpenID.Connect(t.Context()))
	})
	s.bind("ann", "User", "ann@id.example")
	for claims, want := range map[string]int{
		`{"email":"ann@id.example"}`:                        200,
		`{"email":"ann@id.example","email_verified":true}`:  200,
		`{"email":"ann@id.example","email_verified":false}`: 401,
		`{"email":"bob@id.example"}`:                        403,
		`{}`:                                                401,
	} {
		if a := d.call("GET", "/v1/worklists", p.token("teamtask", "1", claims, time.Hour), ""); a.status != want {
			t.Errorf("%s: %d, want %d: %s", claims, a.status, want, a.body)
		}
	}
}

// A token is good until it expires and not longer, however lately it was looked at. Then it is doubted for a while, as every token
// that was good, and refused.
func TestOpenIDExpires(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certificate, key := s.certificate()
	p := s.provide("0", certificate, key)
	d := s.open(gatewayUser, func(o *gateway.Options) {
		o.OpenID = &gateway.OpenID{Issuer: p.issuer, ClientID: "teamtask", CAFile: certificate}
		s.must(o.OpenID.Connect(t.Context()))
	})
	s.bind("ann", "User", p.issuer+"#ann")
	const lifetime = 6 * time.Second
	issued := time.Now() // or a moment later
	token := p.token("teamtask", "ann", "", lifetime)
	expired := time.Now().Add(lifetime) // at the latest
	s.until("it is refused", func() bool {
		begun := time.Now()
		a := d.call("GET", "/v1/worklists", token, "")
		if a.status == 200 && begun.After(expired) {
			t.Fatal("an expired token is good")
		}
		return a.status == 401
	})
	if time.Now().Before(issued.Add(lifetime - time.Second)) { // tokens have whole seconds
		t.Error("it was refused before it had expired")
	}
	if a := d.call("GET", "/v1/worklists", p.token("teamtask", "ann", "", time.Hour), ""); a.status != 200 {
		t.Errorf("the next token: %d %s", a.status, a.body)
	}
}

// The provider may change its keys. While it does not answer, tokens that are signed with keys nobody knows yet are not refused:
// workers ask again.
func TestOpenIDKeys(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	certificate, key := s.certificate()
	_, port, err := net.SplitHostPort(s.freeAddress()) // nobody else is given it while the provider is started anew
	s.must(err)
	p := s.provide(port, certificate, key)
	d := s.open(gatewayUser, func(o *gateway.Options) {
		o.OpenID = &gateway.OpenID{Issuer: p.issuer, ClientID: "teamtask", CAFile: certificate}
		s.must(o.OpenID.Connect(t.Context()))
	})
	s.bind("ann", "User", p.issuer+"#ann")
	first := p.token("teamtask", "ann", "", time.Hour)
	if a := d.call("GET", "/v1/worklists", first, ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
	p.stop()
	p = s.provide(port, certificate, key)
	second := p.token("teamtask", "ann", "", time.Hour)
	s.stop(p.cmd.Process.Pid)
	if a := d.call("GET", "/v1/worklists", second, ""); a.status != 503 {
		t.Errorf("while the provider does not answer: %d %s", a.status, a.body)
	}
	s.must(p.cmd.Process.Signal(syscall.SIGCONT))
	s.until("it is good, with another key", func() bool {
		a := d.call("GET", "/v1/worklists", second, "")
		if a.status != 200 && a.status != 503 { // the question from before may still be on its way, and nobody asks twice at a time
			t.Fatalf("with another key: %d %s", a.status, a.body)
		}
		return a.status == 200
	})
}

// The command takes the API server's flags.
func TestOpenIDFlags(t *testing.T) {
	s := newSite(t)
	certificate, key := s.certificate()
	p := s.provide("0", certificate, key)
	s.bind("ann", "User", "x:ann")
	g := s.serve(s.freeAddress(), "--oidc-issuer-url", p.issuer, "--oidc-client-id", "teamtask", "--oidc-ca-file", certificate, "--oidc-username-prefix", "x:")
	if a := call(t, "GET", g.url+"/v1/worklists", p.token("teamtask", "ann", "", time.Hour), ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}
