package ingress_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/test/address"
)

func TestRequestsFindTheirJobByHostAndPath(t *testing.T) {
	t.Parallel()
	table := to("a.example", instance(t, says("site")))
	site := table.Hosts["a.example"]
	site.Routes = append([]routes.Route{{Job: "api", Path: "/api", Addresses: route("", instance(t, says("api"))).Addresses}}, site.Routes...)
	table.Hosts["a.example"] = site
	table.Hosts["b.example"] = to("b.example", instance(t, says("other"))).Hosts["b.example"]
	n := start(t, ingress.Options{}, table)
	for url, want := range map[string]string{
		"a.example/": "site", "A.EXAMPLE:80/": "site", "a.example./x": "site", "a.example/api/x?y": "api", "b.example/api": "other",
	} {
		n.wants(t, 200, want, "GET", url, "")
	}
}

// What an instance gets is what the client sent, with where it came from added.
func TestInstanceGetsWhatTheClientSent(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s|", r.Method, r.Host, r.RequestURI, body)
		for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "User-Agent", "Accept-Encoding", "X-Own"} {
			fmt.Fprintf(w, "%s=%s|", name, strings.Join(r.Header[name], "+"))
		}
	})))
	answer, body := n.ask(t, "POST", "A.example:99/x%2Fy/?a;b=c", "text", "X-Forwarded-For: 6.6.6.6", "Forwarded: for=6.6.6.6",
		"X-Forwarded-Proto: https", "User-Agent: me", "Accept-Encoding: br", "X-Own: 1")
	want := "POST A.example:99 /x%2Fy/?a;b=c text|X-Forwarded-For=127.0.0.1|X-Forwarded-Host=A.example:99|X-Forwarded-Proto=http|Forwarded=|User-Agent=me|Accept-Encoding=br|X-Own=1|"
	if body != want || answer.StatusCode != http.StatusTeapot || answer.Header.Get("Set-Cookie") != "a=b" {
		t.Errorf("the answer is %d %v\n%s\nwant 418 with the cookie, and\n%s", answer.StatusCode, answer.Header, body, want)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	table := to("a.example", address.Free(t))
	table.Hosts["none.example"] = to("", []string{}...).Hosts[""]
	table.Hosts["path.example"] = routes.Site{Routes: []routes.Route{{Job: "web", Path: "/only"}}}
	n := start(t, ingress.Options{}, table)
	for _, c := range []struct {
		method, url string
		code        int
		says        string
	}{
		{"GET", "other.example/", 404, "other.example"},
		{"GET", "other.example/", 404, "ingress: {host: other.example, port: PORT}"},
		{"GET", "path.example/x", 404, "No job takes requests for path.example/x, only for other paths"},
		{"GET", "none.example/", 503, "No instance of the job web is healthy"},
		{"POST", "a.example/", 502, "an instance of the job web failed"},
	} {
		t.Run(c.method+" "+c.url, func(t *testing.T) {
			answer, body := n.ask(t, c.method, c.url, "", "Accept: */*")
			if answer.StatusCode != c.code || !strings.Contains(body, c.says) || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("answer %d, %s, %q; want %d, plain text, with %q in it", answer.StatusCode, answer.Header.Get("Content-Type"), body, c.code, c.says)
			}
			if retry := answer.Header.Get("Retry-After"); (retry != "") != (c.code == 503) {
				t.Errorf("Retry-After: %q", retry)
			}
			answer, body = n.ask(t, c.method, c.url, "", "Accept: text/html, application/json;q=0.5")
			var problem struct {
				Type, Title, Detail string
				Status              int
			}
			if err := json.Unmarshal([]byte(body), &problem); err != nil || answer.Header.Get("Content-Type") != "application/problem+json" {
				t.Fatalf("a client that takes JSON gets %s: %s", answer.Header.Get("Content-Type"), body)
			}
			if problem.Status != c.code || problem.Title == "" || !strings.Contains(problem.Detail, c.says) || !strings.Contains(problem.Type, "docs/errors#ingress-") {
				t.Errorf("the problem is %+v", problem)
			}
		})
	}
	c, err := net.Dial("tcp", n.http)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "CONNECT a.example:80 HTTP/1.1\r\nHost: a.example:80\r\n\r\n")
	if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != 405 {
		t.Errorf("CONNECT is answered with %v, %v", answer, err)
	}
}

// upgrade asks for another protocol, and returns the connection and the answer.
func (n *node) upgrade(t *testing.T, host, protocol string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", n.http)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", host, protocol)
	r := bufio.NewReader(c)
	answer, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, r, answer
}

// echo does what a WebSocket server does, but for frames: it switches, and says everything again, until it is told to end.
func echo(w http.ResponseWriter, r *http.Request) {
	protocol := r.Header.Get("Upgrade")
	if protocol == "" {
		io.WriteString(w, "not upgraded")
		return
	}
	c, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	defer c.Close()
	fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", protocol)
	for rw.Flush() == nil {
		line, err := rw.ReadString('\n')
		if err != nil || line == "end\n" {
			return
		}
		rw.WriteString(line)
	}
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", address.Free(t), instance(t, echo)))
	c, r, answer := n.upgrade(t, "a.example", "websocket")
	if answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("the answer is %v", answer)
	}
	say := func(word string) {
		t.Helper()
		io.WriteString(c, word+"\n")
		if got, err := r.ReadString('\n'); got != word+"\n" {
			t.Fatalf("said %q, heard %q, %v", word, got, err)
		}
	}
	say("hello")
	n.SetTable(routes.Table{})
	say("it lasts while its instance does, though the table has changed")
	io.WriteString(c, "end\n")
	if rest, err := io.ReadAll(r); len(rest) > 0 || err != nil {
		t.Errorf("after the instance has ended it there is %q, %v", rest, err)
	}
}

// On a connection that is turned into HTTP/2, a client could ask for any host.
func TestOnlyWebSocketsAreUpgraded(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, echo)))
	if _, _, answer := n.upgrade(t, "a.example", "h2c"); answer.StatusCode != 200 {
		t.Errorf("an upgrade to h2c is answered with %v", answer)
	}
}

func TestEventsArriveAsTheyAreSent(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"text/event-stream", "text/plain"} {
		next := make(chan string)
		n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", kind)
			for event := range next {
				fmt.Fprintf(w, "data: %s\n", event)
				http.NewResponseController(w).Flush()
			}
		})))
		go func() { next <- "first" }()
		answer, err := http.DefaultTransport.RoundTrip(n.request(t, "GET", "a.example/", ""))
		if err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(answer.Body)
		for _, event := range []string{"second", "third", ""} { // each is sent only once the one before it has arrived
			line, err := r.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, "data: ") {
				t.Fatalf("%s: read %q, %v", kind, line, err)
			}
			if event != "" {
				next <- event
			}
		}
		close(next)
		answer.Body.Close()
	}
}

func TestAnotherInstanceIsTried(t *testing.T) {
	t.Parallel()
	var broken atomic.Int64
	bad := func() string { return breaking(t, func() { broken.Add(1) }) }
	good := func() string {
		return instance(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "got %q", body)
		})
	}
	for _, c := range []struct {
		name, method, body string
		addresses          []string
		code               int
		says               string
		tried              int64 // most that were broken
	}{
		{"POST, when an instance cannot be reached", "POST", "text", []string{address.Free(t), address.Free(t), good()}, 200, `got "text"`, 0},
		{"GET, when an instance breaks the connection", "GET", "", []string{bad(), bad(), good()}, 200, `got ""`, 2},
		{"DELETE, too, as it may be repeated", "DELETE", "", []string{bad(), good()}, 200, `got ""`, 1},
		{"not POST, which was perhaps carried out", "POST", "text", []string{bad(), bad()}, 502, "web failed", 1},
		{"not POST without a body, either", "POST", "", []string{bad(), bad()}, 502, "web failed", 1},
		{"not PUT with a body, which was perhaps read", "PUT", "text", []string{bad(), bad()}, 502, "web failed", 1},
		{"three, not more", "GET", "", []string{bad(), bad(), bad(), bad(), bad()}, 502, "web failed", 3},
		{"but none twice", "GET", "", []string{bad(), bad()}, 502, "web failed", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := start(t, ingress.Options{}, to("a.example", c.addresses...))
			for range 10 {
				broken.Store(0)
				n.wants(t, c.code, c.says, c.method, "a.example/", c.body)
				if got := broken.Load(); got > c.tried || c.code == 502 && got != c.tried {
					t.Errorf("%d instances that break connections were tried, want %d", got, c.tried)
				}
			}
		})
	}
}

// There is no preference, not even for those on the own node.
func TestRequestsAreSpreadEvenly(t *testing.T) {
	t.Parallel()
	var counts [4]atomic.Int64
	var addresses []string
	for i := range counts {
		addresses = append(addresses, instance(t, func(http.ResponseWriter, *http.Request) { counts[i].Add(1) }))
	}
	n := start(t, ingress.Options{}, to("a.example", addresses...))
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	const each = 250
	for range each * len(counts) {
		answer, err := client.Do(n.request(t, "GET", "a.example/", ""))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	for i := range counts {
		// By chance alone the deviation is 14: ten times that never happens.
		if got := counts[i].Load(); got < each-140 || got > each+140 {
			t.Errorf("instance %d got %d of %d requests", i, got, each*len(counts))
		}
	}
}

// One that has its hands full gets less than the others.
func TestBusyInstanceIsSpared(t *testing.T) {
	t.Parallel()
	release, busy := make(chan struct{}), make(chan struct{}, 100)
	var quick atomic.Int64
	slow := instance(t, func(http.ResponseWriter, *http.Request) { busy <- struct{}{}; <-release })
	n := start(t, ingress.Options{}, to("a.example", slow))
	go func() {
		n.ask(t, "GET", "a.example/", "")
		close(busy)
	}()
	<-busy
	n.SetTable(to("a.example", slow, instance(t, func(http.ResponseWriter, *http.Request) { quick.Add(1) })))
	for range 50 {
		n.ask(t, "GET", "a.example/", "")
	}
	close(release)
	<-busy
	if got := quick.Load(); got != 50 {
		t.Errorf("of 50 requests %d went to the instance that had nothing to do", got)
	}
}

func TestHeadersHaveALimit(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, says("hello"))))
	n.wants(t, 200, "hello", "GET", "a.example/", "", "Cookie: "+strings.Repeat("x", 30<<10))
	n.wants(t, 431, "", "GET", "a.example/", "", "Cookie: "+strings.Repeat("x", 100<<10))
}

// A client that never comes to the end of its header does not hold a connection for ever; one whose body takes long may.
func TestSlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Write(body)
	})))
	body, filling := io.Pipe()
	r := n.request(t, "POST", "a.example/", "")
	r.Body = body
	answered := make(chan string)
	go func() {
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		answered <- string(b)
	}()
	io.WriteString(filling, "slow ")
	c, err := net.Dial("tcp", n.http)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	io.WriteString(c, "GET / HTTP/1.1\r\nHost: a.example\r\nX: ")
	io.Copy(io.Discard, c) // returns once the connection is closed
	io.WriteString(filling, "but sure")
	filling.Close()
	if got := <-answered; got != "slow but sure" {
		t.Errorf("a body that took longer than a header may is answered with %q", got)
	}
}

// counts are how many requests there were, by JOB/CODE.
func (n *node) counts(t *testing.T) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(n)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.Metric {
			got[m.Label[1].GetValue()+"/"+m.Label[0].GetValue()] = m.Counter.GetValue()
		}
	}
	return got
}

func TestRequestsAreCounted(t *testing.T) {
	t.Parallel()
	n := start(t, ingress.Options{}, to("a.example", instance(t, says("hello"))))
	n.ask(t, "GET", "a.example/", "")
	n.ask(t, "GET", "a.example/", "")
	n.ask(t, "GET", "other.example/", "")
	eventually(t, "requests are counted by job and code", func() bool { got := n.counts(t); return got["web/200"] == 2 && got["/404"] == 1 })
	n.SetTable(routes.Table{})
	if got := n.counts(t); len(got) != 1 {
		t.Errorf("after the job has gone there is still %v", got)
	}
}
