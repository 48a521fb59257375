package pki_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"teamtask.dev/ozymandias/pki"
)

var now = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func authority(t *testing.T, at time.Time) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority(at)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func identity(t *testing.T, a *pki.Authority, at time.Time, name string) *pki.Identity {
	t.Helper()
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := a.IssueNode(at, key.Public(), name, netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	i, err := pki.NewIdentity(a, key, certificate)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAuthorityEncoded(t *testing.T) {
	a := authority(t, now)
	certificate, key, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := pki.ParseAuthority(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	if a.Hash() != b.Hash() {
		t.Error("it is another authority when it is read")
	}
	_, otherKey, err := authority(t, now).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2][]byte{
		"another's key": {certificate, otherKey}, "no key": {certificate, nil}, "no certificate": {nil, key}, "the two mixed up": {key, certificate},
	} {
		if _, err := pki.ParseAuthority(pair[0], pair[1]); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestNodeCertificate(t *testing.T) {
	a := authority(t, now)
	c := identity(t, a, now, "n1.example").Certificate()
	for _, host := range []string{"n1.example", "192.0.2.1", "localhost", "127.0.0.1", "::1", pki.NodeHost} {
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if _, err := c.Verify(x509.VerifyOptions{DNSName: host, Roots: a.Pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
				t.Errorf("%s: %v", host, err)
			}
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{DNSName: "n2", Roots: a.Pool(), CurrentTime: now}); err == nil {
		t.Error("it is good for another node")
	}
	if c.IsCA {
		t.Error("a node's certificate issues others")
	}
	for _, at := range []struct {
		age  time.Duration
		due  bool
		good bool
	}{
		{-59 * time.Minute, false, true}, // on a machine whose clock is behind
		{-61 * time.Minute, true, false}, // it may have been issued while the clock was ahead
		{200 * 24 * time.Hour, false, true},
		{250 * 24 * time.Hour, true, true},
		{365*24*time.Hour + time.Second, true, false},
	} {
		_, err := c.Verify(x509.VerifyOptions{Roots: a.Pool(), CurrentTime: now.Add(at.age)})
		if due := pki.Due(c, now.Add(at.age)); due != at.due || (err == nil) != at.good {
			t.Errorf("after %v it is due: %t, and good: %v; want %t and %t", at.age, due, err, at.due, at.good)
		}
	}
	late := identity(t, a, now.AddDate(9, 9, 0), "n1").Certificate()
	if late.NotAfter.After(a.Certificate.NotAfter) {
		t.Error("a certificate lasts longer than its authority")
	}
}

func TestAdminCertificate(t *testing.T) {
	a := authority(t, now)
	b, key, err := a.IssueAdmin(now, "ada", 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(b, key); err != nil {
		t.Error(err)
	}
	c, err := pki.ParseCertificate(b)
	if err != nil {
		t.Fatal(err)
	}
	client := x509.VerifyOptions{Roots: a.Pool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := c.Verify(client); err != nil {
		t.Error(err)
	}
	server := client
	server.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	if _, err := c.Verify(server); err == nil {
		t.Error("an admin's certificate is good for a server")
	}
	if c.VerifyHostname(pki.NodeHost) == nil {
		t.Error("an admin's certificate is good for etcd")
	}
	if _, _, err := a.IssueAdmin(now, "", time.Hour); err == nil {
		t.Error("an admin without a name")
	}
	if _, _, err := a.IssueAdmin(now, "ada", 0); err == nil {
		t.Error("a certificate for no time")
	}
}

func TestIdentityRenewed(t *testing.T) {
	a := authority(t, now)
	i := identity(t, a, now, "n1")
	before := i.Certificate()
	again, err := a.IssueNode(now.AddDate(0, 9, 0), i.Public(), "n1", netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := i.Renew(again); err != nil || i.Certificate().Equal(before) {
		t.Errorf("it was not renewed: %v", err)
	}
	kept := i.Certificate()
	forOther, err := a.IssueNode(now, identity(t, a, now, "n2").Public(), "n1", netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	byOther, err := authority(t, now).IssueNode(now, i.Public(), "n1", netip.MustParseAddr("192.0.2.1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]byte{"for another key": forOther, "by another authority": byOther, "of nothing": nil} {
		if err := i.Renew(bad); err == nil || !i.Certificate().Equal(kept) {
			t.Errorf("a certificate %s is shown: %v", name, err)
		}
	}
}

// Whoever is at the other end is told apart by what was verified, and by nothing that was only said.
func TestWho(t *testing.T) {
	a := authority(t, time.Now())
	node := identity(t, a, time.Now(), "n1")
	certificate, key, err := a.IssueAdmin(time.Now(), "ada", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	admin, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	stranger, strangersKey, err := authority(t, time.Now()).IssueAdmin(time.Now(), "ada", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	other, err := tls.X509KeyPair(stranger, strangersKey)
	if err != nil {
		t.Fatal(err)
	}
	with := func(c tls.Certificate) *tls.Config {
		return &tls.Config{RootCAs: a.Pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }}
	}
	for _, at := range []struct {
		name   string
		client *tls.Config
		who    string
		role   pki.Role
		fails  bool
	}{
		{"a node", node.Client(), "n1", pki.Node, false},
		{"an admin", with(admin), "ada", pki.Admin, false},
		{"nobody", with(tls.Certificate{}), "", pki.Nobody, false},
		{"another cluster's admin", with(other), "", pki.Nobody, true},
	} {
		t.Run(at.name, func(t *testing.T) {
			state, err := shake(node.Server(), at.client)
			who, role := pki.Who(state)
			if (err != nil) != at.fails || who != at.who || role != at.role {
				t.Errorf("%q is %v, %v", who, role, err)
			}
		})
	}
	if _, role := pki.Who(nil); role != pki.Nobody {
		t.Errorf("a connection without TLS is from %v", role)
	}
}

// shake is what the server sees of a connection.
func shake(server, client *tls.Config) (*tls.ConnectionState, error) {
	client = client.Clone()
	client.ServerName = pki.NodeHost
	near, far := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer near.Close()
		connection := tls.Client(near, client)
		if connection.Handshake() == nil {
			connection.Read(make([]byte, 1)) // what the server thinks of it comes after the client's part
		}
	}()
	defer func() { far.Close(); <-done }()
	connection := tls.Server(far, server)
	if err := connection.Handshake(); err != nil {
		return nil, err
	}
	state := connection.ConnectionState()
	return &state, nil
}

func TestTokenTLS(t *testing.T) {
	a, b := authority(t, time.Now()), authority(t, time.Now())
	token := pki.Token{Authority: a.Hash(), Secret: pki.NewSecret()}
	connect := func(server *tls.Config) error {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			tls.Server(far, server).Handshake()
		}()
		defer near.Close()
		return tls.Client(near, token.TLS()).Handshake()
	}
	if err := connect(identity(t, a, time.Now(), "n1").Server()); err != nil {
		t.Error(err)
	}
	if err := connect(identity(t, b, time.Now(), "n1").Server()); !errors.Is(err, pki.ErrOtherAuthority) {
		t.Errorf("another cluster's node: %v", err)
	}
	var ended x509.CertificateInvalidError
	if err := connect(identity(t, a, time.Now().AddDate(-2, 0, 0), "n1").Server()); !errors.As(err, &ended) {
		t.Errorf("a node whose certificate has ended: %v", err)
	}
}

func TestToken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := pki.Token{Authority: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")), Secret: pki.NewSecret()}
		again, err := pki.ParseToken(" " + token.String() + "\n")
		if err != nil || again != token {
			t.Fatalf("%v, %v", again, err)
		}
		cut := rapid.IntRange(0, len(token.String())-len(token.Secret)).Draw(t, "cut")
		if _, err := pki.ParseToken(token.String()[:cut]); err == nil {
			t.Fatal("half a token is taken")
		}
	})
	secret := pki.NewSecret()
	token := pki.Token{Secret: secret}
	if !token.Matches(secret) || token.Matches(secret[1:]) || token.Matches("") {
		t.Error("the secret is not told from others")
	}
	for _, bad := range []string{"", "x", "oz1..", "oz1.00.s", "oz2." + strings.Repeat("0", 64) + ".s", "oz1." + strings.Repeat("g", 64) + ".s"} {
		if _, err := pki.ParseToken(bad); err == nil {
			t.Errorf("%q is taken for a token", bad)
		} else if bad != "" && strings.Contains(err.Error(), bad+" ") {
			t.Errorf("the error repeats what may be a secret: %v", err)
		}
	}
}

func TestRequest(t *testing.T) {
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.Request(key, "n1")
	if err != nil {
		t.Fatal(err)
	}
	public, err := pki.ParseRequest(request)
	if err != nil || !public.Equal(key.Public()) || pki.ID(public) != pki.ID(&key.PublicKey) {
		t.Errorf("%v, %v", public, err)
	}
	request[len(request)-1] ^= 1
	if _, err := pki.ParseRequest(request); err == nil {
		t.Error("a request without proof is taken")
	}
	other, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if pki.ID(&other.PublicKey) == pki.ID(&key.PublicKey) {
		t.Error("two keys have one name")
	}
}
