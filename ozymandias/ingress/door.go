package ingress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"teamtask.dev/ozymandias/schedule"
)

// reopenAfter is how long it takes until a port that could not be had is tried again.
const reopenAfter = time.Second

// keep listens on an address until ctx ends, and calls serve with the listener, which returns when that is closed. If the port cannot
// be had, that is told as a problem of what is to come in there, and tried again. It calls tried after the first attempt.
func (s *Server) keep(ctx context.Context, in schedule.IngressProblem, address string, tried func(), serve func(net.Listener) error) {
	what := cmp.Or(strings.ToUpper(in.Scheme), "Connections")
	about := what + " on " + address
	defer s.trouble.clear(about)
	first := sync.OnceFunc(tried)
	defer first()
	var listen net.ListenConfig
	for {
		l, err := listen.Listen(ctx, "tcp", address)
		first()
		if err == nil {
			s.trouble.clear(about)
			stop := context.AfterFunc(ctx, func() { l.Close() })
			err = serve(l)
			stop()
			l.Close()
		}
		if ctx.Err() != nil {
			return
		}
		in.Text = fmt.Sprintf("%s cannot be let in on %s: %s", what, address, whyNot(err, in))
		s.trouble.set(about, in)
		if !wait(ctx, reopenAfter) {
			return
		}
	}
}

// whyNot says why a port cannot be listened on, and what helps.
func whyNot(err error, in schedule.IngressProblem) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE) && in.TCP != 0:
		return "another program listens there; stop it, or write another port into the job's ingress"
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Sprintf("another program listens there; stop it, or start the node with another port (--%s)", in.Scheme)
	case errors.Is(err, syscall.EACCES):
		return "the process may not; it has to be root, or have CAP_NET_BIND_SERVICE, for ports below 1024"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine does not have the address"
	}
	return err.Error()
}

// wait waits, and tells whether ctx lasted for so long.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
