package ingress_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
)

// A ca signs certificates for a test.
type ca struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pool        *x509.CertPool
}

func newCA(t testing.TB) *ca {
	t.Helper()
	c := &ca{key: newKey(t), pool: x509.NewCertPool()}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &c.key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	if c.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	c.pool.AddCert(c.certificate)
	return c
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue is a certificate with its key, in PEM.
func (c *ca) issue(t testing.TB, lasts time.Duration, names ...string) []byte {
	t.Helper()
	key, serial := newKey(t), big.NewInt(time.Now().UnixNano())
	template := &x509.Certificate{SerialNumber: serial, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts)}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.certificate, &key.PublicKey, c.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
}

func pemOf(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// secrets are those of a cluster.
type secrets struct {
	mu  sync.Mutex
	all map[string][]byte
}

func (s *secrets) put(name string, value []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = maps.Clone(s.all)
	if s.all == nil {
		s.all = map[string][]byte{}
	}
	s.all[name] = value
}

func (s *secrets) get(_ context.Context, name string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if value, ok := s.all[name]; ok {
		return value, nil
	}
	return nil, errors.New("there is no secret " + name)
}

// handshake shows what a client that asks for a host gets to see.
func (n *node) handshake(host string, pool *x509.CertPool) (*x509.Certificate, error) {
	c, err := tls.Dial("tcp", n.https, &tls.Config{ServerName: host, RootCAs: pool})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0], nil
}

// client speaks HTTPS, by HTTP/2, and resolves all hosts to the node.
func (n *node) client(t testing.TB, pool *x509.CertPool) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool},
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", n.https)
		}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestGivenCertificates(t *testing.T) {
	t.Parallel()
	authority, kept := newCA(t), &secrets{}
	kept.put("own", authority.issue(t, 30*24*time.Hour, "a.example"))
	kept.put("wild", authority.issue(t, 30*24*time.Hour, "*.w.example"))
	app := instance(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "by "+r.Header.Get("X-Forwarded-Proto"))
	})
	table := secured(job.TLS{Secret: "own"}, "a.example", app)
	for host, secret := range map[string]string{"x.w.example": "wild", "y.w.example": "wild"} {
		table.Hosts[host] = secured(job.TLS{Secret: secret}, host, app).Hosts[host]
	}
	table.Hosts["plain.example"] = to("plain.example", app).Hosts["plain.example"]
	n := start(t, ingress.Options{Secret: kept.get}, table)
	client := n.client(t, authority.pool)
	for _, host := range []string{"a.example", "x.w.example", "y.w.example"} {
		eventually(t, host+" has its certificate", func() bool { _, err := n.handshake(host, authority.pool); return err == nil })
		answer, err := client.Get("https://" + host + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if string(body) != "by https" || answer.ProtoMajor != 2 {
			t.Errorf("%s answers %q by %s", host, body, answer.Proto)
		}
	}
	for _, host := range []string{"plain.example", "other.example", "z.w.example"} {
		if _, err := n.handshake(host, authority.pool); err == nil || !strings.Contains(err.Error(), "unrecognized name") {
			t.Errorf("a handshake for %s, which has no certificate, ends with %v", host, err)
		}
	}
	if len(n.Problems()) != 0 {
		t.Errorf("problems: %+v", n.Problems())
	}
	before, _ := n.handshake("a.example", authority.pool)
	kept.put("own", authority.issue(t, 30*24*time.Hour, "a.example", "b.example"))
	n.SetTable(table) // or it would take a few seconds
	eventually(t, "the new certificate is served", func() bool {
		now, err := n.handshake("a.example", authority.pool)
		return err == nil && !now.Equal(before)
	})
}

func TestCertificatesThatAreOfNoUse(t *testing.T) {
	t.Parallel()
	authority, kept := newCA(t), &secrets{}
	good := authority.issue(t, 30*24*time.Hour, "a.example")
	kept.put("own", good)
	table := secured(job.TLS{Secret: "own"}, "a.example", instance(t, says("hello")))
	n := start(t, ingress.Options{Secret: kept.get}, table)
	eventually(t, "the certificate is served", func() bool { _, err := n.handshake("a.example", authority.pool); return err == nil })
	for _, c := range []struct {
		value []byte
		told  string
		lasts bool // what was there before is served on
	}{
		{[]byte("no PEM"), "it should have the chain and the key, in PEM", true},
		{good, "", true},
		{authority.issue(t, time.Hour, "a.example"), "it is good until", false},
		{authority.issue(t, 30*24*time.Hour, "b.example", "c.example"), "it is for b.example, c.example only", false},
	} {
		before, _ := n.handshake("a.example", authority.pool)
		kept.put("own", c.value)
		n.SetTable(table)
		if c.told == "" {
			eventually(t, "all is well", func() bool { return len(n.Problems()) == 0 })
			continue
		}
		eventually(t, "it is told that "+c.told, func() bool { return n.problem("a.example", "in the secret own", c.told) })
		if now, err := n.handshake("a.example", authority.pool); c.lasts && (err != nil || !now.Equal(before)) {
			t.Errorf("a secret that has %.20q in it took away what was served: %v", c.value, err)
		}
	}
	table = secured(job.TLS{Secret: "missing"}, "a.example", instance(t, says("hello")))
	n.SetTable(table)
	eventually(t, "it is told that there is none", func() bool { return n.problem("a.example", "there is no secret missing") })
	kept.put("empty", nil)
	n.SetTable(secured(job.TLS{Secret: "empty"}, "a.example", instance(t, says("hello"))))
	eventually(t, "it is told that nothing is in it", func() bool {
		return n.problem("a.example", "in the secret empty", "it should have the chain and the key, in PEM")
	})
	n.SetTable(secured(job.TLS{ACME: true}, "a.example"))
	eventually(t, "it is told that there is no authority", func() bool { return n.problem("a.example", "no ACME authority") })
	n.SetTable(routes.Table{})
	eventually(t, "nothing is told of a host that is gone", func() bool { return len(n.Problems()) == 0 })
}

func TestHostsWithTLSAreAskedForByHTTPS(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, secured(job.TLS{Secret: "own"}, "a.example", instance(t, says("hello"))))
	_, port, _ := net.SplitHostPort(n.https)
	for from, want := range map[string]string{
		"a.example/":                             "/",
		"A.example:80/x%2Fy?a=b;c":               "/x%2Fy?a=b;c",
		"a.example//evil.example/":               "//evil.example/",
		"a.example/.well-known/acme-challenge/x": "/.well-known/acme-challenge/x",
	} {
		answer, _ := n.ask(t, "POST", from, "text")
		if got := answer.Header.Get("Location"); answer.StatusCode != 308 || got != "https://a.example:"+port+want {
			t.Errorf("%s is answered with %d to %s, want 308 to %s", from, answer.StatusCode, got, want)
		}
	}
}
