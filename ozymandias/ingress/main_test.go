package ingress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/test/address"
)

// Every goroutine of an ingress ends with it, and so do those of its connections.
func TestMain(m *testing.M) {
	if os.Getenv(nodeVariable) != "" {
		runNode() // this process is another node's ingress
		return
	}
	code := m.Run()
	http.DefaultClient.CloseIdleConnections()
	deadline := time.Now().Add(time.Minute)
	for code == 0 {
		// certmagic has one for each authority, which never ends.
		err := goleak.Find(goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.(*RingBufferRateLimiter).loop"))
		if err == nil {
			break
		}
		if time.Now().After(deadline) {
			println(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

// A node is an ingress that runs for a test.
type node struct {
	*ingress.Server
	host        string // its IP address
	http, https string // where it listens
	stop        func() // ends it, and waits for that
}

// start runs an ingress until the test ends.
func start(t testing.TB, o ingress.Options, table routes.Table) *node {
	t.Helper()
	if o.HTTP == "" {
		o.HTTP = address.Free(t)
	}
	host, _, _ := net.SplitHostPort(o.HTTP)
	if o.HTTPS == "" {
		o.HTTPS = freeAt(t, host)
	}
	o.TCP = host
	n := &node{Server: ingress.New(o), host: host, http: o.HTTP, https: o.HTTPS}
	n.SetTable(table)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	n.stop = func() {
		cancel()
		if err, first := <-ended; first {
			close(ended)
			if err != nil {
				t.Errorf("the ingress ended with %v", err)
			}
		}
	}
	t.Cleanup(n.stop)
	eventually(t, "the ingress listens", func() bool { return listens(n.http) && listens(n.https) || len(n.Problems()) > 0 })
	return n
}

// freeAt is an address at a host of a test's own.
func freeAt(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", host+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func listens(address string) bool {
	c, err := net.Dial("tcp", address)
	if err == nil {
		c.Close()
	}
	return err == nil
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for patience := time.After(2 * time.Minute); !so(); {
		select {
		case <-look.C:
		case <-patience:
			t.Fatalf("it has not come about that %s", what)
		}
	}
}

// instance runs an instance of a job until the test ends.
func instance(t testing.TB, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// says answers all requests with a word.
func says(word string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, word) }
}

// breaking accepts connections and requests, and breaks them without an answer; it counts them.
func breaking(t testing.TB, count func()) string {
	return instance(t, func(w http.ResponseWriter, r *http.Request) {
		count()
		io.Copy(io.Discard, r.Body)
		panic(http.ErrAbortHandler)
	})
}

// to is a table that leads a host to instances.
func to(host string, addresses ...string) routes.Table {
	return routes.Table{Hosts: map[string]routes.Site{host: {Routes: []routes.Route{route("web", addresses...)}}}}
}

func secured(tls job.TLS, host string, addresses ...string) routes.Table {
	table := to(host, addresses...)
	table.Hosts[host] = routes.Site{TLS: &tls, Routes: table.Hosts[host].Routes}
	return table
}

func route(name string, addresses ...string) routes.Route {
	r := routes.Route{Job: name}
	for _, a := range addresses {
		r.Addresses = append(r.Addresses, netip.MustParseAddrPort(a))
	}
	return r
}

// request is one through the ingress, to a host, with headers "Name: value".
func (n *node) request(t testing.TB, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	host, path, _ := strings.Cut(url, "/")
	var b io.Reader
	if body != "" {
		b = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+n.http+"/"+path, b)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	return r
}

// ask makes a request, and returns its answer with the body.
func (n *node) ask(t testing.TB, method, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(n.request(t, method, url, body, headers...))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(b)
}

// wants checks an answer.
func (n *node) wants(t testing.TB, code int, text, method, url, body string, headers ...string) {
	t.Helper()
	answer, got := n.ask(t, method, url, body, headers...)
	if answer.StatusCode != code || !strings.Contains(got, text) {
		t.Errorf("%s %s is answered with %d %q, want %d with %q in it", method, url, answer.StatusCode, got, code, text)
	}
}

// problem tells whether there is one that says all of that.
func (n *node) problem(parts ...string) bool {
	for _, p := range n.Problems() {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(p.Text, part)
		}
		if all {
			return true
		}
	}
	return false
}
