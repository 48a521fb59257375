package ingress_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/test/address"
)

// A replica is an instance that can be stopped as a node does it: once it has nothing in hand.
type replica struct {
	address string
	server  *http.Server
	busy    atomic.Int64
}

func newReplica(t *testing.T) *replica {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{address: l.Addr().String()}
	r.server = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.busy.Add(1)
		defer r.busy.Add(-1)
		body, _ := io.ReadAll(q.Body)
		w.Write(bytes.ToUpper(body))
	})}
	go r.server.Serve(l)
	t.Cleanup(func() { r.server.Close() })
	return r
}

// A rolling deploy: instances are taken out of the table, stopped, and replaced by others, while requests come in all the time.
func TestTablesChangeUnderLoadWithoutAFailure(t *testing.T) {
	t.Parallel()
	replicas := []*replica{newReplica(t), newReplica(t), newReplica(t)}
	table := func(without *replica) routes.Table {
		var addresses []string
		for _, r := range replicas {
			if r != without {
				addresses = append(addresses, r.address)
			}
		}
		return to("a.example", addresses...)
	}
	n := start(t, ingress.Options{}, table(nil))
	ctx, stop := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var answered [8]atomic.Int64
	// onward waits until all clients have been answered what they asked after this, and more.
	onward := func() {
		t.Helper()
		var seen [len(answered)]int64
		for i := range answered {
			seen[i] = answered[i].Load()
		}
		eventually(t, "requests are answered", func() bool {
			for i := range answered {
				if answered[i].Load() < seen[i]+3 && !t.Failed() {
					return false
				}
			}
			return true
		})
	}
	for i := range answered {
		clients.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for k := 0; ctx.Err() == nil; k++ {
				method, text := "GET", ""
				if k%2 == 0 {
					method, text = "POST", fmt.Sprintf("client %d, request %d", i, k)
				}
				answer, err := client.Do(n.request(t, method, "a.example/", text))
				if err != nil {
					t.Errorf("request %d failed: %v", k, err)
					return
				}
				got, err := io.ReadAll(answer.Body)
				answer.Body.Close()
				if answer.StatusCode != 200 || err != nil || string(got) != strings.ToUpper(text) {
					t.Errorf("%s %d is answered with %d, %v, %q", method, k, answer.StatusCode, err, got)
					return
				}
				answered[i].Add(1)
			}
		})
	}
	for round := range 30 {
		onward()
		old := replicas[round%len(replicas)]
		n.SetTable(table(old))
		onward()
		if busy := old.busy.Load(); busy != 0 {
			t.Errorf("an instance that has left the table has %d requests in hand, all of which were made since", busy)
		}
		if err := old.server.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		replicas[round%len(replicas)] = newReplica(t)
		n.SetTable(table(nil))
	}
	stop()
	clients.Wait()
}

func TestRequestIsFinishedThoughItsInstanceLeaves(t *testing.T) {
	t.Parallel()
	came, release := make(chan struct{}), make(chan struct{})
	n := start(t, ingress.Options{}, to("a.example", instance(t, func(w http.ResponseWriter, _ *http.Request) {
		close(came)
		<-release
		io.WriteString(w, "finished")
	})))
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.wants(t, 200, "finished", "GET", "a.example/", "")
	}()
	<-came
	n.SetTable(to("a.example"))
	n.wants(t, 503, "healthy", "GET", "a.example/", "")
	close(release)
	<-done
}

func TestEndWaitsForWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	came, release, number := make(chan struct{}), make(chan struct{}), freePort(t)
	table := to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		close(came)
		<-release
		io.WriteString(w, "finished")
	}))
	table.Ports = map[int]routes.Route{number: route("db", echoing(t))}
	n := start(t, ingress.Options{Grace: time.Hour}, table)
	socket, heard, _ := n.upgrade(t, "a.example", "websocket")
	tcp := dial(t, n, number)
	io.WriteString(tcp, "x") // an instance has it
	io.ReadFull(tcp, make([]byte, 1))
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		n.wants(t, 200, "finished", "GET", "a.example/", "")
	}()
	<-came
	ended := make(chan struct{})
	go func() { n.stop(); close(ended) }()
	eventually(t, "nobody is let in any more", func() bool { return !listens(n.http) && !listens(n.https) })
	goesOn := func(what string) {
		t.Helper()
		select {
		case <-ended:
			t.Errorf("it has ended before %s has", what)
		default:
		}
	}
	goesOn("a request")
	close(release)
	<-answered
	io.WriteString(socket, "hello\n")
	if got, err := heard.ReadString('\n'); got != "hello\n" {
		t.Errorf("heard %q, %v by the WebSocket", got, err)
	}
	goesOn("a WebSocket")
	socket.Close()
	io.WriteString(tcp, "hello")
	if _, err := io.ReadFull(tcp, make([]byte, 5)); err != nil {
		t.Errorf("a connection: %v", err)
	}
	goesOn("a connection")
	tcp.Close()
	<-ended
}

func TestEndCutsWhatDoesNotEnd(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	hanging := make(chan struct{})
	table := to("a.example", instance(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			echo(w, r)
			return
		}
		close(hanging)
		<-r.Context().Done()
	}))
	table.Ports = map[int]routes.Route{number: route("db", echoing(t))}
	n := start(t, ingress.Options{Grace: time.Millisecond}, table)
	_, socket, _ := n.upgrade(t, "a.example", "websocket")
	tcp := dial(t, n, number)
	io.WriteString(tcp, "x")
	io.ReadFull(tcp, make([]byte, 1))
	failed := make(chan error)
	go func() {
		_, err := http.DefaultTransport.RoundTrip(n.request(t, "POST", "a.example/", ""))
		failed <- err
	}()
	<-hanging
	n.stop()
	if err := <-failed; err == nil {
		t.Error("a request that never ends was answered")
	}
	for what, r := range map[string]io.Reader{"a WebSocket": socket, "a connection": tcp} {
		var timeout net.Error
		if _, err := r.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("%s goes on: %v", what, err)
		}
	}
}

func TestPortThatIsTaken(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", address.Free(t)) // all ports there are of no concern to others
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	number := freePort(t)
	table := to("a.example", instance(t, says("hello")))
	table.Ports = map[int]routes.Route{number: route("db", echoing(t)), other.Addr().(*net.TCPAddr).Port: route("taken", echoing(t))}
	n := start(t, ingress.Options{HTTP: other.Addr().String()}, table)
	eventually(t, "both are told", func() bool {
		return n.problem("HTTP", other.Addr().String(), "another program listens there") || n.problem("Connections", other.Addr().String(), "another program")
	})
	dial(t, n, number) // what has another port works all the same
	other.Close()
	table.Ports = map[int]routes.Route{number: table.Ports[number]}
	n.SetTable(table)
	eventually(t, "it is let in once the port is free", func() bool { return listens(n.http) && len(n.Problems()) == 0 })
	n.wants(t, 200, "hello", "GET", "a.example/", "")
}
