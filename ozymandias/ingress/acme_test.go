package ingress_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/miekg/dns"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
	"teamtask.dev/test/address"
)

// An authority issues certificates as Let's Encrypt does, by its own testing server.
type authority struct {
	directory string
	vouching  []byte         // for the authority itself, in PEM
	issued    *x509.CertPool // for its certificates
}

// newAuthority runs an authority until the test ends. It finds all hosts at the IP address of a node, looks for challenges at the ports,
// and issues nothing for refused.example.
func newAuthority(t *testing.T, http01, tlsALPN string, lasts time.Duration) *authority {
	t.Helper()
	pebble, err := programtest.Build(program.Source{Name: "pebble", Package: "github.com/letsencrypt/pebble/v2/cmd/pebble", Version: "v2.10.1"})
	if err != nil {
		t.Fatal(err)
	}
	dir, own, port := t.TempDir(), newCA(t), func(address string) int {
		_, number, _ := net.SplitHostPort(address)
		n, _ := strconv.Atoi(number)
		return n
	}
	file := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	node, _, _ := net.SplitHostPort(http01)
	listen := address.Free(t)
	host, _, _ := net.SplitHostPort(listen)
	management := freeAt(t, host)
	pair := file("pair.pem", own.issue(t, time.Hour, host))
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": listen, "managementListenAddress": management, "certificate": pair, "privateKey": pair,
		"httpPort": port(http01), "tlsPort": port(tlsALPN), "keyAlgorithm": "ecdsa", "domainBlocklist": []string{"refused.example"},
		"retryAfter": map[string]int{"authz": 1, "order": 1},
		"profiles":   map[string]any{"default": map[string]any{"description": "default", "validityPeriod": int(lasts.Seconds())}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(pebble, "-config", file("pebble.json", settings), "-dnsserver", resolver(t, node))
	command.Env = append(os.Environ(), "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", "PEBBLE_AUTHZREUSE=0")
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		command.Process.Kill()
		command.Wait()
		if t.Failed() {
			t.Logf("the authority said:\n%s", said.String())
		}
	})
	a := &authority{directory: "https://" + listen + "/dir", vouching: pemOf(own.certificate), issued: x509.NewCertPool()}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: own.pool}, DisableKeepAlives: true}}
	eventually(t, "the authority answers", func() bool {
		answer, err := client.Get("https://" + management + "/roots/0")
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		root, err := io.ReadAll(answer.Body)
		return err == nil && a.issued.AppendCertsFromPEM(root)
	})
	return a
}

// resolver is a name server for which all hosts are at one IP address.
func resolver(t *testing.T, ip string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // pebble asks by TCP
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{Listener: l, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer := new(dns.Msg).SetReply(q)
		if q.Question[0].Qtype == dns.TypeA {
			answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET}, A: net.ParseIP(ip)}}
		}
		w.WriteMsg(answer)
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); server.ActivateAndServe() }()
	t.Cleanup(func() { l.Close(); <-ended })
	return l.Addr().String()
}

func (a *authority) options(etcd *etcdtest.Etcd) *ingress.ACME {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(a.vouching)
	return &ingress.ACME{Directory: a.directory, Roots: roots, Etcd: etcd.Direct, Encrypt: flip, Decrypt: flip}
}

// Strangers keep no node from getting a certificate, not even from where the authority itself asks.
func TestCertificateAmongStrangers(t *testing.T) {
	t.Parallel()
	const host = "wanted.example"
	at := address.Free(t)
	ip, _, _ := net.SplitHostPort(at)
	authority := newAuthority(t, at, freeAt(t, ip), time.Hour)
	n := start(t, ingress.Options{HTTP: at, ACME: authority.options(etcdtest.Start(t))}, routes.Table{})
	shown := 0
	show := func() {
		for range 60 {
			shown++
			n.wants(t, http.StatusNotFound, "", http.MethodGet, fmt.Sprintf("x%d.example/.well-known/acme-challenge/x", shown), "")
		}
	}
	show()
	n.SetTable(secured(job.TLS{ACME: true}, host, instance(t, says("hello"))))
	eventually(t, "it has the certificate", func() bool {
		show()
		_, err := n.handshake(host, authority.issued)
		return err == nil || len(n.Problems()) > 0
	})
	if problems := n.Problems(); len(problems) > 0 {
		t.Errorf("problems: %+v", problems)
	}
}

// One node asks for a certificate, and the authority turns to another one, which does not even know the host yet. In the end both
// have it.
func TestCertificateFromAnAuthority(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	for _, kind := range []string{"http-01", "tls-alpn-01"} {
		t.Run(kind, func(t *testing.T) {
			host, app := kind+".example", instance(t, says("hello"))
			at := nodeSettings{HTTP: address.Free(t), Etcd: etcd.Direct.Endpoints()[0]}
			ip, _, _ := net.SplitHostPort(at.HTTP)
			at.HTTPS = freeAt(t, ip)
			http01, tlsALPN := at.HTTP, freeAt(t, ip)
			if kind == "tls-alpn-01" {
				http01, tlsALPN = freeAt(t, ip), at.HTTPS
			}
			authority := newAuthority(t, http01, tlsALPN, time.Hour)
			at.Directory, at.Roots = authority.directory, authority.vouching
			far := other(t, at)
			near := start(t, ingress.Options{ACME: authority.options(etcd)}, secured(job.TLS{ACME: true}, host, app))
			var got *x509.Certificate
			eventually(t, "the node that asked serves the certificate", func() (served bool) {
				var err error
				got, err = near.handshake(host, authority.issued)
				return err == nil || len(near.Problems()) > 0
			})
			if problems := near.Problems(); len(problems) > 0 {
				t.Fatalf("problems: %+v", problems)
			}
			if _, err := far.handshake(host, authority.issued); err == nil {
				t.Error("the other node serves a host that it does not know")
			}
			if err := far.tables.Encode(secured(job.TLS{ACME: true}, host, app)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the other node serves the same one", func() bool {
				same, err := far.handshake(host, authority.issued)
				return err == nil && same.Equal(got)
			})
			for _, n := range []*node{near, &far.node} {
				answer, err := n.client(t, authority.issued).Get("https://" + host + "/")
				if err != nil {
					t.Fatal(err)
				}
				answer.Body.Close()
				if answer.StatusCode != 200 {
					t.Errorf("the answer is %s", answer.Status)
				}
			}
			near.wants(t, 308, "", "GET", host+"/.well-known/acme-challenge/guess", "")
		})
	}
	answer, err := etcd.Direct.Get(t.Context(), "", clientv3.WithPrefix())
	if err != nil || len(answer.Kvs) == 0 {
		t.Fatal(answer, err)
	}
	for _, kv := range answer.Kvs {
		if bytes.Contains(kv.Value, []byte("KEY")) {
			t.Errorf("%s is stored in clear", kv.Key)
		}
	}
}

// What fails is told, and all nodes together wait before they try again.
func TestAuthorityRefuses(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	authority := newAuthority(t, address.Free(t), address.Free(t), time.Hour)
	table := secured(job.TLS{ACME: true}, "refused.example", instance(t, says("hello")))
	for i := range 2 {
		n := start(t, ingress.Options{ACME: authority.options(etcd)}, table)
		eventually(t, fmt.Sprintf("node %d tells", i), func() bool {
			return n.problem("no new certificate for refused.example", "rejectedIdentifier", "failed once; it is tried again at")
		})
		n.SetTable(routes.Table{})
		eventually(t, "it tells no more of a host that is gone", func() bool { return len(n.Problems()) == 0 })
	}
}

// Whoever finds a certificate that expires soon renews it.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	etcd := etcdtest.Start(t)
	o := ingress.Options{HTTP: address.Free(t)}
	ip, _, _ := net.SplitHostPort(o.HTTP)
	o.HTTPS = freeAt(t, ip)
	authority := newAuthority(t, o.HTTP, o.HTTPS, 6*time.Second)
	o.ACME = authority.options(etcd)
	table := secured(job.TLS{ACME: true}, "a.example", instance(t, says("hello")))
	var shown []*x509.Certificate
	for len(shown) < 2 {
		n := start(t, o, table)
		eventually(t, "the certificate is served", func() bool {
			c, err := tls.Dial("tcp", n.https, &tls.Config{ServerName: "a.example", InsecureSkipVerify: true}) // it may have expired by now
			if err != nil {
				return false
			}
			defer c.Close()
			now := c.ConnectionState().PeerCertificates[0]
			if len(shown) > 0 && now.Equal(shown[0]) {
				return false
			}
			shown = append(shown, now)
			return true
		})
		n.stop()
		eventually(t, "it is time to renew it", func() bool { return time.Until(shown[0].NotAfter) < 2*time.Second })
	}
	if !shown[1].NotAfter.After(shown[0].NotAfter) {
		t.Errorf("the second certificate is good until %v, the first one until %v", shown[1].NotAfter, shown[0].NotAfter)
	}
}
