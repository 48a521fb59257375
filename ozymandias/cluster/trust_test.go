package cluster

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"

	"teamtask.dev/ozymandias/durable"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/test/address"
)

// etcd is for nodes. An admin has the API, and everybody else nothing.
func TestWhoReachesEtcd(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	certificate, key, err := m.Authority().IssueAdmin(time.Now(), "somebody", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	admin := &tls.Config{RootCAs: m.Authority().Pool(), Certificates: []tls.Certificate{pair}}
	nobody := &tls.Config{RootCAs: m.Authority().Pool()}
	e := m.Etcd()
	files, err := transport.TLSInfo{CertFile: e.Certificate, KeyFile: e.Key, TrustedCAFile: e.CA}.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []struct {
		name string
		tls  *tls.Config
		etcd bool
		api  string
		role pki.Role
	}{
		{"a node", m.Dial(), true, "n1", pki.Node},
		{"a program beside it", files, true, "n1", pki.Node},
		{"an admin", admin, false, "somebody", pki.Admin},
		{"nobody", nobody, false, "", pki.Nobody},
	} {
		t.Run(at.name, func(t *testing.T) {
			for _, address := range []string{m.node.Client, m.node.Peer} {
				client := http.Client{Transport: &http.Transport{TLSClientConfig: at.tls}}
				answer, err := client.Get("https://" + address + "/version")
				if err == nil {
					answer.Body.Close()
				}
				if (err == nil) != at.etcd {
					t.Errorf("https://%s/version: %v", address, err)
				}
			}
			listener, err := tls.Listen("tcp", address.Host().String()+":0", m.Server())
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				name, role := pki.Who(r.TLS)
				json.NewEncoder(w).Encode([]any{name, role})
			}), ErrorLog: silent}
			go server.Serve(listener)
			defer server.Close()
			configuration := at.tls.Clone()
			configuration.ServerName = m.o.Address.String()
			client := http.Client{Transport: &http.Transport{TLSClientConfig: configuration}}
			answer, err := client.Get("https://" + listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			var who [2]any
			if err := json.NewDecoder(answer.Body).Decode(&who); err != nil || who[0] != at.api || who[1] != float64(at.role) {
				t.Errorf("it is %v, %v", who, err)
			}
		})
	}
}

// A node renews its certificate long before it ends; and if the machine was off for years, as soon as it is on.
func TestRenew(t *testing.T) {
	t.Parallel()
	o := options(t, "n1")
	start(t, o).stop()
	dir := &directory{path: o.Data}
	for _, at := range []struct {
		name    string
		issued  time.Time
		renewed bool
	}{
		{"half a year old", time.Now().AddDate(0, -6, 0), false},
		{"nine months old", time.Now().AddDate(0, -9, 0), true},
		{"three years old", time.Now().AddDate(-3, 0, 0), true},
		{"issued while the clock was a year ahead", time.Now().AddDate(1, 0, 0), true},
	} {
		t.Run(at.name, func(t *testing.T) {
			c, err := dir.credentials(time.Now(), self{Name: "n1", Address: o.Address})
			if err != nil {
				t.Fatal(err)
			}
			old, err := c.authority.IssueNode(at.issued, c.identity.Public(), "n1", o.Address)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir.pki(nodeFile), old, 0o600); err != nil {
				t.Fatal(err)
			}
			m := start(t, o)
			defer m.stop()
			if _, err := m.Client().Get(t.Context(), "/"); err != nil {
				t.Error(err)
			}
			if got := !m.identity.Certificate().NotBefore.Equal(at.issued.Add(-time.Hour).Truncate(time.Second)); got != at.renewed {
				t.Errorf("it was renewed: %t", got)
			}
		})
	}
}

// A machine whose clock is so wrong that nobody could believe anybody says that, and does not issue anything.
func TestClockIsWrong(t *testing.T) {
	t.Parallel()
	o := options(t, "n1")
	start(t, o).stop()
	dir := &directory{path: o.Data}
	shown, err := os.ReadFile(dir.pki(nodeFile))
	if err != nil {
		t.Fatal(err)
	}
	for years, want := range map[int]string{-1: "the cluster's authority was not there yet", 11: "the cluster's authority has ended"} {
		_, err := dir.credentials(time.Now().AddDate(years, 0, 0), self{Name: "n1", Address: o.Address})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "set the clock right") {
			t.Errorf("in %d years: %v", years, err)
		}
	}
	if after, err := os.ReadFile(dir.pki(nodeFile)); err != nil || !bytes.Equal(shown, after) {
		t.Errorf("the certificate has changed, %v", err)
	}
}

// A certificate that is due while the node runs is renewed, and shown from then on by all it serves.
func TestRenewWhileRunning(t *testing.T) {
	t.Parallel()
	o := options(t, "n1")
	c, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	old, err := c.authority.IssueNode(time.Now().AddDate(0, -9, 0), c.identity.Public(), "n1", o.Address)
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.Write(c.dir.pki(nodeFile), old); err != nil {
		t.Fatal(err)
	}
	if err := c.identity.Renew(old); err != nil {
		t.Fatal(err)
	}
	due := c.identity.Certificate()
	m := run(t, o, c)
	eventually(t, "the certificate is renewed", func() bool { return !m.identity.Certificate().Equal(due) })
	for _, address := range []string{m.node.API, m.node.Client, m.node.Peer} {
		eventually(t, address+" shows the new certificate", func() bool {
			connection, err := tls.Dial("tcp", address, m.Dial())
			if err != nil {
				return false // the API is about to listen
			}
			defer connection.Close()
			return connection.ConnectionState().PeerCertificates[0].Equal(m.identity.Certificate())
		})
	}
}

// A machine may come back with another address, a member of etcd too.
func TestAnotherAddress(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2", "n3")
	settled(t, 3, machines...)
	for i, m := range machines {
		m.stop()
		m.o.Address = address.Host()
		machines[i] = start(t, m.o)
		settled(t, 3, machines...)
	}
	list, err := machines[0].Client().MemberList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range list.Members {
		found := false
		for _, m := range machines {
			found = found || member.PeerURLs[0] == m.node.peerURL() && member.ClientURLs[0] == m.node.clientURL()
		}
		if !found {
			t.Errorf("a member of etcd is at %v and %v", member.PeerURLs, member.ClientURLs)
		}
	}
}

// A copy of a machine that is alive, with an address of its own, does not take its place.
func TestCopyOfAMachine(t *testing.T) {
	t.Parallel()
	first := start(t, options(t, "n1"))
	second := start(t, first.joining("n2"))
	live(t, second)
	o := second.o
	o.Data, o.Address = t.TempDir(), address.Host()
	if err := os.CopyFS(o.Data+"/pki", os.DirFS(second.o.Data+"/pki")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Log = slog.New(slog.NewTextHandler(writer(func(b []byte) {
		if bytes.Contains(b, []byte("waiting")) && bytes.Contains(b, []byte("is alive at")) {
			cancel()
		}
	}), nil)) // as soon as it says that it waits, and not for etcd to answer
	_, err := Open(ctx, o)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "node n2 is alive at "+second.o.Address.String()) {
		t.Errorf("it opens with %v", err)
	}
	if nodes, err := first.Nodes(t.Context()); err != nil || nodes[1] != second.node {
		t.Errorf("the nodes are %v, %v", nodes, err)
	}
}

type writer func([]byte)

func (w writer) Write(b []byte) (int, error) { w(b); return len(b), nil }

// All machines may be off at once, and come back one after the other, long after.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	machines := grow(t, defaultPatience, "n1", "n2", "n3")
	settled(t, 3, machines...)
	if _, err := machines[0].Client().Put(t.Context(), "/ozymandias/test", "kept"); err != nil {
		t.Fatal(err)
	}
	for _, m := range machines {
		m.stop()
		old, err := m.authority.IssueNode(time.Now().AddDate(-2, 0, 0), m.identity.Public(), m.o.Name, m.o.Address)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(m.dir.pki(nodeFile), old, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened := make(chan *machine)
	for _, m := range machines {
		go func() {
			c, err := Open(context.Background(), m.o)
			if err != nil {
				t.Error(err)
				opened <- nil
				return
			}
			opened <- run(t, m.o, c)
		}()
	}
	for range machines {
		m := <-opened
		if m == nil {
			continue
		}
		answer, err := m.Client().Get(t.Context(), "/ozymandias/test")
		if err != nil || len(answer.Kvs) != 1 {
			t.Errorf("%v, %v", answer, err)
		}
	}
}

// A program that is too old for the records of a cluster neither runs on nor starts.
func TestNewerFormat(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	if _, err := m.Client().Put(t.Context(), formatKey, `{"format":2,"something":"else"}`); err != nil {
		t.Fatal(err)
	}
	<-m.ended
	if !errors.Is(m.err, ErrNewer) {
		t.Errorf("it ended with %v", m.err)
	}
	m.stop()
	if _, err := tryStart(t, m.o); !errors.Is(err, ErrNewer) {
		t.Errorf("it starts with %v", err)
	}
}

// Programs beside the node may have read its certificate when they were started, as CoreDNS has. They are told when there is another one,
// or in a year they would be let in nowhere.
func TestRenewalIsTold(t *testing.T) {
	t.Parallel()
	n := start(t, options(t, "n1"))
	changed := n.Changed()
	old, err := n.authority.IssueNode(time.Now().Add(-300*24*time.Hour), n.identity.Public(), "n1", n.options.Address)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.identity.Renew(old); err != nil {
		t.Fatal(err)
	}
	<-changed
	if left := time.Until(n.identity.Certificate().NotAfter); left < 300*24*time.Hour {
		t.Errorf("it ends in %v", left)
	}
}
