package api_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/pki"
)

// A call that another node is to answer ends when that node is lost: whether its process was stopped before, so that the kernel alone takes
// connections, or while it answered, or has said something already. A node that is known to be lost is not asked.
func TestLostWhileAsked(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc // of n2, which says no more then; nil: its process is stopped
		calls  func(context.Context, *client.Client) error
		broken bool // what comes is cut off, as there was an answer
	}{
		"stopped":           {nil, usage, false},
		"without an answer": {func(http.ResponseWriter, *http.Request) {}, usage, false},
		"in the midst of a log": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "{\"container\":\"app\",\"text\":\"here\"}\n")
			http.NewResponseController(w).Flush()
		}, follow, true},
		"in the midst of a command": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "Upgrade")
			w.Header().Set("Upgrade", v1.ExecProtocol)
			w.WriteHeader(http.StatusSwitchingProtocols)
			http.NewResponseController(w).Flush()
		}, exec, true},
	} {
		t.Run(name, func(t *testing.T) {
			stage := apitest.New(t)
			o := stage.Options()
			asked := make(chan struct{})
			o.Peers, o.Port = serve(t, asked, c.answer)
			_, here := stage.Serve(o)
			stage.Node("n2", "127.0.0.3", 4e9)
			apply(t, here, "name: web\ncontainers: {app: {image: x}}", client.Room{})
			stage.Settle()
			ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
			defer done()
			ended := make(chan error, 1)
			go func() { ended <- c.calls(ctx, here) }()
			select {
			case <-asked:
			case err := <-ended:
				t.Fatalf("it ended before: %v", err)
			}
			stage.Kill("n2")
			err := <-ended
			switch {
			case ctx.Err() != nil:
				t.Fatal("it goes on for ever")
			case c.broken && err == nil:
				t.Error("it looks like the end")
			case !c.broken:
				refused(t, err, v1.NodeUnreachable, "node n2 is lost")
			}
			refused(t, usage(ctx, here), v1.NodeUnreachable, "node n2 is lost")
		})
	}
}

func usage(ctx context.Context, c *client.Client) error {
	_, err := c.Usage(ctx, "n2")
	return err
}

func follow(ctx context.Context, c *client.Client) (last error) {
	for _, err := range c.Logs(ctx, "web-0", client.Log{Follow: true}) {
		last = err
	}
	return last
}

func exec(ctx context.Context, c *client.Client) error {
	_, err := c.Exec(ctx, "web-0", client.Exec{Command: []string{"x"}})
	return err
}

// serve has a node n2 that answers calls so and then no more, until the test ends. It tells when it is asked.
func serve(t *testing.T, asked chan struct{}, answer http.HandlerFunc) (self *tls.Config, port int) {
	t.Helper()
	authority, err := pki.NewAuthority(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	key, err := pki.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := authority.IssueNode(time.Now(), key.Public(), "n2", netip.MustParseAddr("127.0.0.3"))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := pki.NewIdentity(authority, key, certificate)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.3:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	if answer == nil {
		go func() {
			if c, err := listener.Accept(); err == nil {
				t.Cleanup(func() { c.Close() })
				close(asked)
			}
		}()
		return identity.Client(), listener.Addr().(*net.TCPAddr).Port
	}
	config := identity.Server()
	config.NextProtos = []string{"http/1.1"}
	over := make(chan struct{})
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r)
		close(asked)
		<-over
	})}
	ended := make(chan struct{})
	go func() { defer close(ended); server.Serve(tls.NewListener(listener, config)) }()
	t.Cleanup(func() { close(over); server.Close(); <-ended })
	return identity.Client(), listener.Addr().(*net.TCPAddr).Port
}
