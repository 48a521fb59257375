package names_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"teamtask.dev/ozymandias/etcdtest"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
)

// loopback is the nth address of this process's own, of 2.
func loopback(n int) netip.Addr {
	own := 2*(os.Getpid()%(1<<21)) + n // the kernel's largest is 4 Mi; addresses in 127.64.0.0/10
	return netip.AddrFrom4([4]byte{127, byte(64 + own>>16), byte(own >> 8), byte(own)})
}

// An answer is what a resolver looks at.
type answer struct {
	code      dnsmessage.RCode
	addresses []netip.Addr // sorted
	ttl       uint32       // the longest
}

func (a answer) String() string { return fmt.Sprint(a.code, " ", a.addresses) }

// ask asks a server a question, and returns when there is an answer.
func ask(t *testing.T, server netip.Addr, name string, kind dnsmessage.Type) answer {
	t.Helper()
	ctx := patient(t)
	for {
		a, err := try(ctx, netip.AddrPortFrom(server, 53), name, kind)
		if err == nil {
			return a
		}
		select {
		case <-ctx.Done():
			t.Fatalf("ask %s for %s: %v", server, name, err)
		case <-time.After(10 * time.Millisecond): // it may be just starting
		}
	}
}

// known asks until the server knows an answer: it does not while neither etcd nor the file
// that stands in for it has answered within a second.
func known(t *testing.T, server netip.Addr, name string, kind dnsmessage.Type) (a answer) {
	t.Helper()
	for ctx := patient(t); ; {
		if a = ask(t, server, name, kind); a.code != dnsmessage.RCodeServerFailure || ctx.Err() != nil {
			return a
		}
	}
}

func try(ctx context.Context, server netip.AddrPort, name string, kind dnsmessage.Type) (answer, error) {
	question := dnsmessage.Question{Name: dnsmessage.MustNewName(name + "."), Type: kind, Class: dnsmessage.ClassINET}
	query := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true}, Questions: []dnsmessage.Question{question}}
	packet, err := query.Pack()
	if err != nil {
		return answer{}, err
	}
	connection, err := new(net.Dialer).DialContext(ctx, "udp", server.String())
	if err != nil {
		return answer{}, err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return answer{}, err
	}
	if _, err := connection.Write(packet); err != nil {
		return answer{}, err
	}
	received := make([]byte, 64<<10)
	n, err := connection.Read(received)
	if err != nil {
		return answer{}, err
	}
	var reply dnsmessage.Message
	if err := reply.Unpack(received[:n]); err != nil {
		return answer{}, err
	}
	a := answer{code: reply.RCode}
	for _, resource := range reply.Answers {
		switch body := resource.Body.(type) {
		case *dnsmessage.AResource:
			a.addresses = append(a.addresses, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			a.addresses = append(a.addresses, netip.AddrFrom16(body.AAAA))
		}
		a.ttl = max(a.ttl, resource.Header.TTL)
	}
	slices.SortFunc(a.addresses, netip.Addr.Compare)
	return a, nil
}

// comes waits until the answer is this one.
func comes(t *testing.T, server netip.Addr, name string, want string) {
	t.Helper()
	ctx := patient(t)
	for {
		got := ask(t, server, name, dnsmessage.TypeA)
		if got.String() == want {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("%s is %v, want %s", name, got, want)
		}
	}
}

// upstream is a nameserver that knows one name, outside.example: its own address.
func upstream(t *testing.T, address netip.Addr) {
	t.Helper()
	connection, err := net.ListenPacket("udp", netip.AddrPortFrom(address, 53).String())
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { connection.Close(); <-over })
	go func() {
		defer close(over)
		packet := make([]byte, 1500)
		for {
			n, from, err := connection.ReadFrom(packet)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			var m dnsmessage.Message
			if err != nil || m.Unpack(packet[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			m.Response, m.Additionals = true, nil
			if q := m.Questions[0]; q.Name.String() == "outside.example." {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
					Body: &dnsmessage.AResource{A: address.As4()}}}
			} else {
				m.RCode = dnsmessage.RCodeNameError
			}
			if reply, err := m.Pack(); err == nil {
				_, _ = connection.WriteTo(reply, from)
			}
		}
	}()
}

// serve serves names until the test ends.
func serve(t *testing.T, etcd *etcdtest.Etcd, files program.Etcd, nameservers string) (at netip.Addr, resolv string) {
	t.Helper()
	programtest.Use(t, program.CoreDNS)
	at = loopback(0)
	o := names.Options{Listen: at, Etcd: files, Client: etcd.Cuttable, Dir: t.TempDir(),
		Resolv: filepath.Join(t.TempDir(), "resolv.conf"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := os.WriteFile(o.Resolv, []byte(nameservers), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- names.Serve(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	return at, o.Resolv
}

// A job's name is all of its healthy instances, an instance's is that one; each at once, and as long as it is.
func TestNames(t *testing.T) {
	etcd, files := etcdtest.StartSecure(t, netip.MustParseAddr("127.0.0.1"))
	upstream(t, loopback(1))
	at, _ := serve(t, etcd, files, fmt.Sprintf("nameserver %s\nnameserver %s\n", loopback(0), loopback(1)))
	p, _ := publisher(t, etcd.Direct)
	lease := grant(t, etcd.Direct)
	if got := known(t, at, "web.ozymandias.internal", dnsmessage.TypeA); got.code != dnsmessage.RCodeNameError {
		t.Errorf("before there is such a job: %v", got)
	}
	zero, one := record("web", "0", "10.88.1.2"), record("web", "1", "10.88.2.3")
	p.Publish(lease, []names.Record{zero, one, record("web2", "0", "10.88.3.4"), record("agent", "n1.example.org", "10.88.1.9"), record("six", "0", "fd00::6")})
	comes(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.1.2 10.88.2.3]")
	for _, c := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"0.web.ozymandias.internal", dnsmessage.TypeA, "RCodeSuccess [10.88.1.2]"},
		{"1.Web.OZYMANDIAS.internal", dnsmessage.TypeA, "RCodeSuccess [10.88.2.3]"},
		{"2.web.ozymandias.internal", dnsmessage.TypeA, "RCodeNameError []"},
		{"n1-example-org.agent.ozymandias.internal", dnsmessage.TypeA, "RCodeSuccess [10.88.1.9]"},
		{"agent.ozymandias.internal", dnsmessage.TypeA, "RCodeSuccess [10.88.1.9]"},
		// Who asks for both kinds of addresses, as most do, is not to hear that there is no such name.
		{"web.ozymandias.internal", dnsmessage.TypeAAAA, "RCodeSuccess []"},
		{"six.ozymandias.internal", dnsmessage.TypeA, "RCodeSuccess []"},
		{"six.ozymandias.internal", dnsmessage.TypeAAAA, "RCodeSuccess [fd00::6]"},
		{"we.ozymandias.internal", dnsmessage.TypeA, "RCodeNameError []"},
		{"ozymandias.internal", dnsmessage.TypeA, "RCodeNameError []"},
		{"outside.example", dnsmessage.TypeA, "RCodeSuccess [" + loopback(1).String() + "]"},
		{"nothing.example", dnsmessage.TypeA, "RCodeNameError []"},
	} {
		if got := known(t, at, c.name, c.kind).String(); got != c.want {
			t.Errorf("%v %s: %s, want %s", c.kind, c.name, got, c.want)
		}
	}
	// It stays in no cache for longer than the answer says.
	if got := ask(t, at, "web.ozymandias.internal", dnsmessage.TypeA); got.ttl > 1 {
		t.Errorf("an answer may be kept for %d s", got.ttl)
	}
	p.Publish(lease, []names.Record{one})
	comes(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.2.3]")
	p.Publish(lease, nil)
	comes(t, at, "web.ozymandias.internal", "RCodeNameError []")
	p.Publish(lease, []names.Record{zero})
	comes(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.1.2]")
}

// A job may have more instances than an answer by UDP can hold without being cut short.
func TestManyInstances(t *testing.T) {
	etcd, files := etcdtest.StartSecure(t, netip.MustParseAddr("127.0.0.1"))
	at, _ := serve(t, etcd, files, "")
	p, _ := publisher(t, etcd.Direct)
	var records []names.Record
	for i := range 60 {
		records = append(records, record("web", fmt.Sprint(i), fmt.Sprintf("10.88.1.%d", 2+i)))
	}
	p.Publish(grant(t, etcd.Direct), records)
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, netip.AddrPortFrom(at, 53).String())
	}}
	ctx := patient(t)
	for {
		got, err := resolver.LookupNetIP(ctx, "ip4", "web.ozymandias.internal.")
		if len(got) == len(records) {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("%d addresses, want %d: %v", len(got), len(records), err)
		}
	}
}

// While etcd is away what was known is still resolved, whether it was asked for or not; when it is back, what is true then.
func TestEtcdAway(t *testing.T) {
	etcd, files := etcdtest.StartSecure(t, netip.MustParseAddr("127.0.0.1"))
	at, _ := serve(t, etcd, files, "")
	p, _ := publisher(t, etcd.Direct)
	lease := grant(t, etcd.Direct)
	p.Publish(lease, []names.Record{record("gone", "0", "10.88.1.7"), record("web", "0", "10.88.1.2")})
	comes(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.1.2]")
	noted(t, at, "0.gone.ozymandias.internal", "RCodeSuccess [10.88.1.7]")
	p.Publish(lease, []names.Record{record("web", "0", "10.88.1.2"), record("web", "1", "10.88.1.3"), record("unasked", "0", "10.88.1.4"), record("six", "0", "fd00::6")})
	comes(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.1.2 10.88.1.3]")
	for name, want := range map[string]string{"0.gone": "RCodeServerFailure []", "unasked": "RCodeSuccess [10.88.1.4]"} {
		noted(t, at, name+".ozymandias.internal", want)
	}
	etcd.Lose(etcdtest.Both)
	for _, c := range []struct {
		name string
		kind dnsmessage.Type
		want string
	}{
		{"web", dnsmessage.TypeA, "RCodeSuccess [10.88.1.2 10.88.1.3]"},
		{"1.web", dnsmessage.TypeA, "RCodeSuccess [10.88.1.3]"},
		{"unasked", dnsmessage.TypeA, "RCodeSuccess [10.88.1.4]"},
		{"unasked", dnsmessage.TypeAAAA, "RCodeSuccess []"},
		{"six", dnsmessage.TypeAAAA, "RCodeSuccess [fd00::6]"},
		{"gone", dnsmessage.TypeA, "RCodeServerFailure []"}, // it may be there by now: nobody can tell
	} {
		answers := known
		if c.want == "RCodeServerFailure []" {
			answers = ask
		}
		if got := answers(t, at, c.name+".ozymandias.internal", c.kind).String(); got != c.want {
			t.Errorf("%v %s: %s, want %s", c.kind, c.name, got, c.want)
		}
	}
	p.Publish(lease, []names.Record{record("web", "0", "10.88.1.5")})
	etcd.Lose(etcdtest.Nothing)
	comes(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.1.5]")
	comes(t, at, "unasked.ozymandias.internal", "RCodeNameError []")
	noted(t, at, "unasked.ozymandias.internal", "RCodeServerFailure []")
	noted(t, at, "web.ozymandias.internal", "RCodeSuccess [10.88.1.5]")
}

// noted waits until that is what would be answered if etcd were away.
func noted(t *testing.T, server netip.Addr, name, want string) {
	t.Helper()
	ctx := patient(t)
	for {
		got, err := try(ctx, netip.AddrPortFrom(server, 1054), name, dnsmessage.TypeA)
		if err == nil && got.String() == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s is noted as %v, %v, want %s", name, got, err, want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// When the machine comes into another network, other nameservers are asked.
func TestNameserversChange(t *testing.T) {
	etcd, files := etcdtest.StartSecure(t, netip.MustParseAddr("127.0.0.1"))
	upstream(t, loopback(1))
	at, resolv := serve(t, etcd, files, "")
	if got := ask(t, at, "outside.example", dnsmessage.TypeA); got.code != dnsmessage.RCodeRefused {
		t.Errorf("other names, without a nameserver to ask: %v", got)
	}
	if err := os.WriteFile(resolv, fmt.Append(nil, "nameserver ", loopback(1)), 0o644); err != nil {
		t.Fatal(err)
	}
	comes(t, at, "outside.example", "RCodeSuccess ["+loopback(1).String()+"]")
}

// What a server cannot do without is said.
func TestCannotServe(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := names.Serve(t.Context(), names.Options{})
	if err == nil || !strings.Contains(err.Error(), "go install github.com/coredns/coredns@") {
		t.Errorf("Serve() = %v", err)
	}
}
