package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/test/address"
)

// asking is a request that would be granted.
func asking(t *testing.T, m *machine, name string) JoinRequest {
	t.Helper()
	token, err := m.token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.Request(key, name)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Name: name, Address: address.Host(), APIPort: 1, ClientPort: 2, PeerPort: 3}
	return JoinRequest{Secret: token.Secret, Format: currentFormat, Node: o.node("nonsense"), Request: request}
}

func TestAdmit(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	live(t, m)
	good := asking(t, m, "n2")
	welcome, err := m.Admit(t.Context(), good)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pki.ParseCertificate([]byte(welcome.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	if err := certificate.VerifyHostname(good.Node.Address.String()); err != nil {
		t.Error(err)
	}
	before, err := m.Nodes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Admit(t.Context(), good); err != nil {
		t.Errorf("the same machine asks again: %v", err)
	}

	// The same machine, by its key, with another name, as it has not heard the answer.
	renamed := asking(t, m, "n7")
	if _, err := m.Admit(t.Context(), renamed); err != nil {
		t.Fatal(err)
	}
	renamed.Node.Name = "n8"
	if _, err := m.Admit(t.Context(), renamed); err != nil {
		t.Errorf("a machine has thought of a better name: %v", err)
	}
	if err := m.Forget(t.Context(), "n7"); !errors.Is(err, state.ErrNoNode) {
		t.Errorf("its first name is still there: %v", err)
	}
	if err := m.Forget(t.Context(), "n8"); err != nil {
		t.Error(err)
	}

	for _, at := range []struct {
		name   string
		change func(*JoinRequest)
		want   error
		says   string
	}{
		{"without the secret", func(r *JoinRequest) { r.Secret = "" }, ErrToken, "ozymandias token"},
		{"with another", func(r *JoinRequest) { r.Secret += "x" }, ErrToken, "ozymandias token"},
		{"with no request for a certificate", func(r *JoinRequest) { r.Request = nil }, ErrInvalid, "certificate"},
		{"with a request that was changed", func(r *JoinRequest) { r.Request[len(r.Request)-1] ^= 1 }, ErrInvalid, "certificate"},
		{"with no name", func(r *JoinRequest) { r.Node.Name = "" }, ErrInvalid, "as in n1"},
		{"with a name that is a path", func(r *JoinRequest) { r.Node.Name = "a/b" }, ErrInvalid, "as in n1"},
		{"with the name all nodes have", func(r *JoinRequest) { r.Node.Name = pki.NodeHost }, ErrInvalid, "as in n1"},
		{"with no address", func(r *JoinRequest) { r.Node.Address = netip.Addr{} }, ErrInvalid, "IP address"},
		{"with every address", func(r *JoinRequest) { r.Node.Address = netip.IPv4Unspecified() }, ErrInvalid, "IP address"},
		{"with a port elsewhere", func(r *JoinRequest) { r.Node.Peer = "192.0.2.1:7702" }, ErrInvalid, "with a port"},
		{"with no port", func(r *JoinRequest) { r.Node.API = r.Node.Address.String() }, ErrInvalid, "with a port"},
		{"with the address of another", func(r *JoinRequest) {
			r.Node = Options{Name: "n3", Address: good.Node.Address, APIPort: 1, ClientPort: 4, PeerPort: 5}.node("")
		}, ErrAddressTaken, "n2"},
		{"with the name of one that is alive", func(r *JoinRequest) { r.Node.Name = "n1" }, ErrNameTaken, "alive"},
		{"with the name of one that is not", func(r *JoinRequest) { r.Node.Name = "n2" }, ErrNameTaken, "`ozymandias delete node n2` first"},
		{"with an older program", func(r *JoinRequest) { r.Format = currentFormat - 1 }, ErrNewer, "update"},
	} {
		t.Run(at.name, func(t *testing.T) {
			r := asking(t, m, "n3")
			at.change(&r)
			if _, err := m.Admit(t.Context(), r); !errors.Is(err, at.want) || !strings.Contains(err.Error(), at.says) {
				t.Errorf("%v, want %v, with %q", err, at.want, at.says)
			}
		})
	}
	after, err := m.Nodes(t.Context())
	if err != nil || len(after) != len(before) || after[1] != before[1] {
		t.Errorf("the nodes were %v, and are %v, %v", before, after, err)
	}

	token, err := m.NewToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Admit(t.Context(), asking(t, m, "n4")); err != nil {
		t.Errorf("with the new token %s: %v", token, err)
	}
	if _, err := m.Admit(t.Context(), good); !errors.Is(err, ErrToken) {
		t.Errorf("with a token that is void: %v", err)
	}

	// One that was admitted and never came is forgotten as well.
	if err := m.Forget(t.Context(), "n2"); err != nil {
		t.Error(err)
	}
	if err := m.Forget(t.Context(), "n2"); !errors.Is(err, state.ErrNoNode) {
		t.Errorf("forgotten twice: %v", err)
	}
}

// Of many machines that come with one name at once, or with one address, one is admitted; of many with names of their own, all.
func TestAdmitManyAtOnce(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	place := address.Host()
	admit := func(change func(i int, r *JoinRequest)) (admitted int) {
		var mu sync.Mutex
		var asked sync.WaitGroup
		for i := range 8 {
			r := asking(t, m, "n"+string(rune('a'+i)))
			change(i, &r)
			asked.Go(func() {
				_, err := m.Admit(context.Background(), r)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					admitted++
				} else if !errors.Is(err, ErrNameTaken) && !errors.Is(err, ErrAddressTaken) {
					t.Error(err)
				}
			})
		}
		asked.Wait()
		return admitted
	}
	if n := admit(func(_ int, r *JoinRequest) { r.Node.Name = "same" }); n != 1 {
		t.Errorf("%d machines have one name", n)
	}
	if n := admit(func(i int, r *JoinRequest) {
		r.Node = Options{Name: "p" + string(rune('a'+i)), Address: place, APIPort: 1, ClientPort: 2, PeerPort: 3}.node("")
	}); n != 1 {
		t.Errorf("%d machines have one address", n)
	}
	if n := admit(func(int, *JoinRequest) {}); n != 8 {
		t.Errorf("%d of 8 machines are admitted", n)
	}
}

// A machine that is told to join does not say its secret to anybody but a node of the token's cluster.
func TestJoinElsewhere(t *testing.T) {
	t.Parallel()
	one, two := start(t, options(t, "n1")), start(t, options(t, "n1"))
	o := one.joining("n2")
	o.Join = []string{two.node.API}
	if _, err := tryStart(t, o); !errors.Is(err, pki.ErrOtherAuthority) {
		t.Errorf("another cluster's node is asked: %v", err)
	}

	// Somebody who has the authority's certificate, which is no secret, and not its key.
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	forged, err := two.authority.IssueNode(time.Now(), key.Public(), "n1", address.Host())
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := pki.ParseCertificate(forged)
	if err != nil {
		t.Fatal(err)
	}
	outdated, err := one.authority.IssueNode(time.Now().AddDate(-2, 0, 0), key.Public(), "n1", address.Host())
	if err != nil {
		t.Fatal(err)
	}
	old, err := pki.ParseCertificate(outdated)
	if err != nil {
		t.Fatal(err)
	}
	admin, adminKey, err := one.Authority().IssueAdmin(time.Now(), "somebody", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	person, err := tls.X509KeyPair(admin, adminKey)
	if err != nil {
		t.Fatal(err)
	}
	person.Certificate = append(person.Certificate, one.authority.Certificate.Raw)
	for name, shown := range map[string]tls.Certificate{
		"a forged certificate":    {Certificate: [][]byte{leaf.Raw, one.authority.Certificate.Raw}, PrivateKey: key},
		"one that has ended":      {Certificate: [][]byte{old.Raw, one.authority.Certificate.Raw}, PrivateKey: key},
		"that of an admin":        person,
		"the authority's, barely": {Certificate: [][]byte{one.authority.Certificate.Raw}, PrivateKey: key},
	} {
		t.Run(name, func(t *testing.T) {
			var heard atomic.Int32
			listener, err := tls.Listen("tcp", net.JoinHostPort(address.Host().String(), "0"), &tls.Config{Certificates: []tls.Certificate{shown}})
			if err != nil {
				t.Fatal(err)
			}
			server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { heard.Add(1) }), ErrorLog: silent}
			go server.Serve(listener)
			defer server.Close()
			token, err := one.token(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ask(t.Context(), listener.Addr().String(), token, []byte("the secret")); err == nil || heard.Load() != 0 {
				t.Errorf("it heard %d requests: %v", heard.Load(), err)
			}
		})
	}
}

// What a machine cannot do anything about it does not try again; what may come right it does.
func TestJoinRefused(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	for _, at := range []struct {
		name   string
		change func(*Options)
		says   string
	}{
		{"a void token", func(o *Options) {
			if _, err := m.NewToken(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, "`ozymandias token join` prints one"},
		{"half a token", func(o *Options) { o.Token = o.Token[:40] }, "not a token"},
		{"no token", func(o *Options) { o.Token = "" }, "joining takes a token"},
		{"nobody to join", func(o *Options) { o.Join = nil }, "--join HOST:7700"},
		{"a name that is taken", func(o *Options) { o.Name = "n1" }, "the name is taken"},
		{"the address of another", func(o *Options) { o.Address = m.o.Address }, "the address is taken"},
		{"an etcd of one's own", func(o *Options) { o.External = &program.Etcd{Endpoints: []string{"http://127.0.0.1:1"}} }, "leave out --etcd-endpoints"},
	} {
		t.Run(at.name, func(t *testing.T) {
			o := m.joining("n2")
			at.change(&o)
			if _, err := tryStart(t, o); err == nil || !strings.Contains(err.Error(), at.says) {
				t.Errorf("%v, want %q", err, at.says)
			}
		})
	}

	late := m.joining("n3")
	m.server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	joined := make(chan error, 1)
	go func() {
		c, err := Open(ctx, late)
		if err == nil {
			defer c.Close()
		}
		joined <- err
	}()
	m.server = serve(m.Cluster)
	if err := <-joined; err != nil {
		t.Errorf("the node to join came up late: %v", err)
	}
	other := start(t, options(t, "n1"))
	late.Token = other.joining("n9").Token
	if _, err := tryStart(t, late); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("a node is told to join another cluster: %v", err)
	}
	late.Join, late.Token, late.Name = nil, "", "n4"
	if _, err := tryStart(t, late); !errors.Is(err, ErrInvalid) {
		t.Errorf("a node is told to have another name: %v", err)
	}
}

// A node that is asked too often, by whomever, does not say no for good: the machine asks again.
func TestJoinAgain(t *testing.T) {
	t.Parallel()
	m := start(t, options(t, "n1"))
	listener, err := tls.Listen("tcp", address.Host().String()+":0", m.Server())
	if err != nil {
		t.Fatal(err)
	}
	times := 0
	server := &http.Server{ErrorLog: silent, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if times++; times == 1 {
			http.Error(w, `{"detail": "too many tries"}`, http.StatusTooManyRequests)
			return
		}
		m.server.Handler.ServeHTTP(w, r)
	})}
	over := make(chan struct{})
	go func() { defer close(over); server.Serve(listener) }()
	defer func() { server.Close(); <-over }()
	o := m.joining("n2")
	o.Join = []string{listener.Addr().String()}
	start(t, o)
	if times != 2 {
		t.Errorf("it asked %d times", times)
	}
}
