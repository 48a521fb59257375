package ingress_test

import (
	"io"
	"net"
	"strconv"
	"testing"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/test/address"
)

// accepting runs an instance that does something with each connection, until the test ends.
func accepting(t testing.TB, do func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				do(c.(*net.TCPConn))
			}()
		}
	}()
	return l.Addr().String()
}

func echoing(t testing.TB) string { return accepting(t, func(c *net.TCPConn) { io.Copy(c, c) }) }

func freePort(t testing.TB) int {
	t.Helper()
	_, number, _ := net.SplitHostPort(address.Free(t))
	n, _ := strconv.Atoi(number)
	return n
}

// dial connects to a job's port, as soon as that is open.
func dial(t testing.TB, n *node, number int) *net.TCPConn {
	t.Helper()
	var c net.Conn
	eventually(t, "the port is open", func() (open bool) {
		var err error
		c, err = net.Dial("tcp", net.JoinHostPort(n.host, strconv.Itoa(number)))
		return err == nil
	})
	t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

func tcp(number int, addresses ...string) routes.Table {
	return routes.Table{Ports: map[int]routes.Route{number: route("db", addresses...)}}
}

func TestConnectionsAreClosedInHalves(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	// It answers only once the client has said that it has said everything.
	n := start(t, ingress.Options{}, tcp(number, accepting(t, func(c *net.TCPConn) {
		all, _ := io.ReadAll(c)
		c.Write(append([]byte("all of: "), all...))
	})))
	c := dial(t, n, number)
	io.WriteString(c, "question")
	c.CloseWrite()
	if got, err := io.ReadAll(c); string(got) != "all of: question" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// An instance may end what it says and still listen.
func TestConnectionsAreClosedInHalvesFromTheOtherSide(t *testing.T) {
	t.Parallel()
	number, heard := freePort(t), make(chan string)
	n := start(t, ingress.Options{}, tcp(number, accepting(t, func(c *net.TCPConn) {
		io.WriteString(c, "greeting")
		c.CloseWrite()
		all, _ := io.ReadAll(c)
		heard <- string(all)
	})))
	c := dial(t, n, number)
	if got, err := io.ReadAll(c); string(got) != "greeting" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	io.WriteString(c, "answer")
	c.Close()
	if got := <-heard; got != "answer" {
		t.Errorf("the instance heard %q", got)
	}
}

func TestConnectionGoesToAnInstanceThatCanBeReached(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	n := start(t, ingress.Options{}, tcp(number, address.Free(t), address.Free(t), echoing(t)))
	for range 20 {
		c := dial(t, n, number)
		io.WriteString(c, "hello")
		c.CloseWrite()
		if got, err := io.ReadAll(c); string(got) != "hello" || err != nil {
			t.Fatalf("got %q, %v", got, err)
		}
	}
}

func TestConnectionIsResetIfThereIsNoInstance(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	n := start(t, ingress.Options{}, tcp(number))
	if got, err := io.ReadAll(dial(t, n, number)); err == nil {
		t.Errorf("a connection without an instance ends in good order, after %q", got)
	}
}

func TestPortsComeAndGoWithTheTable(t *testing.T) {
	t.Parallel()
	number := freePort(t)
	n := start(t, ingress.Options{}, routes.Table{})
	n.SetTable(tcp(number, echoing(t)))
	c := dial(t, n, number)
	hello := func() {
		t.Helper()
		io.WriteString(c, "hello")
		if _, err := io.ReadFull(c, make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
	}
	hello()
	n.SetTable(routes.Table{})
	eventually(t, "the port is closed", func() bool { return !listens(net.JoinHostPort(n.host, strconv.Itoa(number))) })
	hello() // what was open stays so
	n.SetTable(tcp(number, echoing(t)))
	dial(t, n, number)
}
