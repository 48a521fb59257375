package ingress

import (
	"context"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	"teamtask.dev/ozymandias/ingress/routes"
)

// scarce is a listener of a process that has no file descriptors left for a while.
type scarce struct {
	net.Listener
	fails int
}

func (l *scarce) Accept() (net.Conn, error) {
	if l.fails--; l.fails >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE}
	}
	return l.Listener.Accept()
}

// A port stays open through what passes, and whoever waited there is let in.
func TestPortOutlastsScarcity(t *testing.T) {
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	instance, door := listen(), listen()
	defer instance.Close()
	go func() {
		for {
			c, err := instance.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "hello")
			c.Close()
		}
	}()
	s := New(Options{})
	s.SetTable(routes.Table{Ports: map[int]routes.Route{1: {Job: "db", Addresses: []netip.AddrPort{netip.MustParseAddrPort(instance.Addr().String())}}}})
	ended := make(chan error)
	go func() { ended <- s.accept(context.Background(), 1, &scarce{door, 3}) }()
	c, err := net.Dial("tcp", door.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	c.Close()
	door.Close()
	<-ended
	s.underway.Wait()
}
