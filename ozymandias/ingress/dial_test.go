package ingress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/netnstest"
)

// A machine that dies says nothing, and ends no connection. What is sent to it then, and can be sent again, is answered by another instance.
func TestMachineHasDied(t *testing.T) {
	machine, gone, _ := lonely(t)
	n := start(t, ingress.Options{}, to("app.example", gone))
	n.wants(t, http.StatusOK, "away", http.MethodGet, "app.example/", "") // leaves a connection
	n.SetTable(to("app.example", gone, instance(t, says("here"))))
	if err := machine.Lose(netnstest.Both); err != nil {
		t.Fatal(err)
	}
	for range 10 { // about half are tried there first
		if code, text := n.patiently(t, http.MethodGet); code != http.StatusOK || text != "here" {
			t.Errorf("answered %d %q", code, text)
		}
	}
}

// What waits for an answer when the machine dies is answered by another instance, too, or told that there is none.
func TestMachineDiesMeanwhile(t *testing.T) {
	machine, gone, asked := lonely(t)
	n := start(t, ingress.Options{}, to("app.example", gone))
	type answer struct {
		code int
		text string
	}
	wait := func(method string) <-chan answer {
		answered := make(chan answer, 1)
		go func() {
			code, text := n.patiently(t, method, "Wait: yes")
			answered <- answer{code, text}
		}()
		return answered
	}
	posted := wait(http.MethodPost)
	<-asked
	// There is something under way there, so a second instance would get all that comes now.
	got := wait(http.MethodGet)
	<-asked
	if err := machine.Lose(netnstest.Both); err != nil {
		t.Fatal(err)
	}
	for method, answered := range map[string]<-chan answer{http.MethodPost: posted, http.MethodGet: got} {
		if a := <-answered; a.code != http.StatusGatewayTimeout {
			t.Errorf("%s is answered %d %q", method, a.code, a.text)
		}
	}
}

// lonely is an instance on a machine of its own. It says away; requests with the header Wait it says to asked, and answers no sooner than the test ends.
func lonely(t *testing.T) (machine *netnstest.Machine, address string, asked <-chan struct{}) {
	t.Helper()
	machine = netnstest.New(t, 1).Machines[0]
	has, ends := make(chan struct{}, 2), make(chan struct{})
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Wait") != "" {
			has <- struct{}{}
			<-ends
		}
		io.WriteString(w, "away")
	}))
	s.Listener.Close()
	s.Listener = on(t, machine)
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(ends) })
	return machine, s.Listener.Addr().String(), has
}

// patiently asks the ingress, and finds fault with it if the answer does not come for so long that nobody would wait for it.
func (n *node) patiently(t *testing.T, method string, headers ...string) (code int, text string) {
	ctx, done := context.WithTimeout(t.Context(), time.Minute)
	defer done()
	answer, err := http.DefaultClient.Do(n.request(t, method, "app.example/", "", headers...).WithContext(ctx))
	if err != nil {
		t.Errorf("a %s is left waiting: %v", method, err)
		return 0, ""
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Error(err)
	}
	return answer.StatusCode, string(b)
}

// on listens on a machine: a socket is of the network in which its thread is when it is made.
func on(t *testing.T, m *netnstest.Machine) net.Listener {
	t.Helper()
	own, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer own.Close()
	other, err := os.Open(filepath.Join("/run/netns", m.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	runtime.LockOSThread()
	if err := unix.Setns(int(other.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err) // and the thread ends
	}
	l, err := net.Listen("tcp", net.JoinHostPort(m.Address.String(), "0"))
	if back := unix.Setns(int(own.Fd()), unix.CLONE_NEWNET); back != nil {
		t.Fatal(back)
	}
	runtime.UnlockOSThread()
	if err != nil {
		t.Fatal(err)
	}
	return l
}
