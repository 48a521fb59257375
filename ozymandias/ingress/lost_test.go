package ingress_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/netnstest"
)

// A machine that is lost does not say so: packets to it get no answer. What is under way there is told of it, by HTTP and TCP, sent or
// waiting for an answer. An instance that only does not read, for as long, is not lost: what it is sent arrives whole.
func TestLostIsNotBusy(t *testing.T) {
	t.Parallel()
	machine := netnstest.New(t, 1).Machines[0]
	over := make(chan struct{})
	far := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).Flush()
		<-over
	}))
	far.Listener.Close()
	far.Listener = on(t, machine)
	far.Start()
	t.Cleanup(far.Close)
	t.Cleanup(func() { close(over) })
	const size = 32 << 20 // more than the kernel holds
	came, resume := make(chan struct{}, 2), make(chan struct{})
	busy := instance(t, func(w http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		<-resume
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d bytes, %v", n, err)
	})
	lostPort, busyPort := freePort(t), freePort(t)
	table := to("lost.example", far.Listener.Addr().String())
	table.Hosts["busy.example"] = to("busy.example", busy).Hosts["busy.example"]
	table.Ports = map[int]routes.Route{lostPort: route("lost", far.Listener.Addr().String()), busyPort: route("busy", busy)}
	n := start(t, ingress.Options{}, table)

	upload := fmt.Sprintf("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", size)
	var lost, uploads sync.WaitGroup
	uploads.Go(func() {
		r := n.request(t, "PUT", "busy.example/", "")
		r.Body, r.ContentLength = io.NopCloser(io.LimitReader(endless{}, size)), size
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Errorf("to a busy instance: %v", err)
			return
		}
		defer answer.Body.Close()
		if got, _ := io.ReadAll(answer.Body); string(got) != fmt.Sprintf("%d bytes, <nil>", size) {
			t.Errorf("a busy instance has got %q", got)
		}
	})
	c := dial(t, n, busyPort)
	uploads.Go(func() {
		io.WriteString(c, upload)
		io.CopyN(c, endless{}, size)
		if got, _ := io.ReadAll(c); len(got) < 15 || string(got[:15]) != "HTTP/1.1 200 OK" {
			t.Errorf("to a busy instance by TCP: %q", got)
		}
	})
	<-came
	<-came

	answer, err := http.DefaultTransport.RoundTrip(n.request(t, "GET", "lost.example/", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	waiting, sending := dial(t, n, lostPort), dial(t, n, lostPort)
	for _, c := range []io.ReadWriter{waiting, sending} {
		io.WriteString(c, upload)
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := machine.Lose(netnstest.Both); err != nil {
		t.Fatal(err)
	}
	io.WriteString(sending, "and more")
	for what, from := range map[string]io.Reader{"an answer": answer.Body, "a connection that waits": waiting, "a connection that sends": sending} {
		lost.Go(func() {
			if _, err := io.ReadAll(from); err == nil {
				t.Errorf("%s ends in good order though the machine was lost", what)
			}
		})
	}
	lost.Wait()
	close(resume)
	uploads.Wait()
}
