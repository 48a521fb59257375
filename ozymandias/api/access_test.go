package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/pki"
)

// Who comes from elsewhere shows a certificate or a token, and may do what that opens.
func TestAccess(t *testing.T) {
	cluster := apitest.New(t)
	_, local := cluster.Serve(cluster.Options())
	cluster.Node("n1", "127.0.0.1", 4e9)
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	url, node := cluster.Remote(cluster.Options(), authority)
	caller := func(config *tls.Config, token string) *client.Client {
		c, err := client.Remote(url, config)
		if err != nil {
			t.Fatal(err)
		}
		c.Token = token
		t.Cleanup(c.Close)
		return c
	}
	trusting := &tls.Config{RootCAs: x509.NewCertPool()}
	tokens := map[v1.Role]string{}
	for _, role := range []v1.Role{v1.Admin, v1.Read} {
		made, err := local.CreateToken(t.Context(), v1.NewToken{Name: string(role), Role: role})
		if err != nil {
			t.Fatal(err)
		}
		tokens[role] = made.Secret
	}
	issuing := cluster.Options()
	issuing.Authority = authority
	_, issuer := cluster.Serve(issuing)
	issued, err := issuer.CreateCertificate(t.Context(), v1.NewCertificate{Name: "ann", Days: 1})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair([]byte(issued.Certificate), []byte(issued.Key))
	if err != nil {
		t.Fatal(err)
	}
	trusting.RootCAs.AppendCertsFromPEM([]byte(issued.Authority))
	stranger, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	look := func(c *client.Client) error { _, err := c.Jobs(t.Context()); return err }
	change := func(c *client.Client) error {
		_, err := c.Apply(t.Context(), "f", []byte(webapp), client.Room{})
		return err
	}
	secret := func(c *client.Client) error { _, err := c.Tokens(t.Context()); return err }
	run := func(c *client.Client) error {
		_, err := c.Exec(t.Context(), "web-0", client.Exec{Command: []string{"x"}})
		return err
	}
	for _, c := range []struct {
		who          string
		client       *client.Client
		looks, other v1.ProblemType // "" for what is let in
	}{
		{"nobody", caller(trusting, ""), v1.Unauthenticated, v1.Unauthenticated},
		{"a made-up token", caller(trusting, "admin.AAAA"), v1.Unauthenticated, v1.Unauthenticated},
		{"a token without a name", caller(trusting, "AAAA"), v1.Unauthenticated, v1.Unauthenticated},
		{"a reader", caller(trusting, tokens[v1.Read]), "", v1.Forbidden},
		{"an admin by token", caller(trusting, tokens[v1.Admin]), "", ""},
		{"an admin by certificate", caller(&tls.Config{RootCAs: authority.Pool(), Certificates: []tls.Certificate{pair}}, ""), "", ""},
		{"another node", caller(node, ""), "", ""},
	} {
		if err := look(c.client); c.looks == "" && err != nil || c.looks != "" && !client.IsType(err, c.looks) {
			t.Errorf("%s looks: %v", c.who, err)
		}
		for what, try := range map[string]func(*client.Client) error{"changes": change, "reads tokens": secret} {
			if err := try(c.client); c.other == "" && err != nil || c.other != "" && !client.IsType(err, c.other) {
				t.Errorf("%s %s: %v", c.who, what, err)
			}
		}
		if err := run(c.client); c.other == "" && !client.IsType(err, v1.NotRunning) && !client.IsType(err, v1.NotFound) || c.other != "" && !client.IsType(err, c.other) {
			t.Errorf("%s runs a command: %v", c.who, err)
		}
	}
	if err := local.DeleteToken(t.Context(), "read"); err != nil {
		t.Fatal(err)
	}
	if err := look(caller(trusting, tokens[v1.Read])); !client.IsType(err, v1.Unauthenticated) {
		t.Errorf("with a token that was deleted: %v", err)
	}
	cluster.Kill("n1")
	if err := local.Forget(t.Context(), "n1"); err != nil {
		t.Fatal(err)
	}
	if err := look(caller(node, "")); !client.IsType(err, v1.Unauthenticated) {
		t.Errorf("a node that was deleted: %v", err)
	}
	if err := look(caller(&tls.Config{RootCAs: stranger.Pool()}, tokens[v1.Admin])); err == nil {
		t.Error("a node of another cluster is believed")
	}
}

// What etcd has of a token does not open anything.
func TestTokensAreNotStored(t *testing.T) {
	cluster := apitest.New(t)
	_, c := cluster.Serve(cluster.Options())
	made, err := c.CreateToken(t.Context(), v1.NewToken{Name: "ci", Role: v1.Read})
	if err != nil {
		t.Fatal(err)
	}
	_, secret, _ := strings.Cut(made.Secret, ".")
	found, err := cluster.Etcd.Get(t.Context(), "/ozymandias/tokens/ci")
	if err != nil || len(found.Kvs) != 1 || strings.Contains(string(found.Kvs[0].Value), secret) {
		t.Errorf("%s, %v", found.Kvs, err)
	}
}

// What tells nothing of the cluster is open to everybody; metrics are not.
func TestOpenCalls(t *testing.T) {
	cluster := apitest.New(t)
	cluster.Node("n1", "127.0.0.1", 4e9)
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	url, _ := cluster.Remote(cluster.Options(), authority)
	asking := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}}}
	defer asking.CloseIdleConnections()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/openapi.json": 200, "/metrics": 401, "/v1/jobs": 401, "/nothing": 401} {
		answer, err := asking.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want || want == 401 && !strings.Contains(string(body), `"type":"https://teamtask.dev/docs/errors#unauthenticated"`) {
			t.Errorf("%s: %d %s", path, answer.StatusCode, body)
		}
	}
	answer, err := asking.Post(url+"/v1/join", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if cluster.Members.Tries() != 1 {
		t.Errorf("joining takes more than its own token: %d", answer.StatusCode)
	}
}

// Whose certificates are good is for the cluster to say: an API that cannot ask is not made.
func TestNeedsMembers(t *testing.T) {
	o := apitest.New(t).Options()
	o.Members = nil
	if _, err := api.New(o); err == nil || !strings.Contains(err.Error(), "Members") {
		t.Errorf("without a membership: %v", err)
	}
}
