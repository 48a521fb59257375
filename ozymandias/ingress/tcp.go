package ingress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/schedule"
)

// acceptAgain is the pause after a connection that could not be taken.
const acceptAgain = 10 * time.Millisecond

// keepPorts listens on the ports of the table, as it is at the time, until ctx ends. Connections last until base ends.
func (s *Server) keepPorts(ctx, base context.Context) {
	open := map[int]context.CancelFunc{}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		s.openPorts(ctx, base, s.table.Load().Ports, open, &all)
		select {
		case <-ctx.Done():
			for _, closing := range open {
				closing()
			}
			return
		case <-s.portsChanged:
		}
	}
}

// openPorts begins to listen on ports that are new, and ends it for those that are gone.
func (s *Server) openPorts(ctx, base context.Context, ports map[int]routes.Route, open map[int]context.CancelFunc, all *sync.WaitGroup) {
	for number, closing := range open {
		if _, wanted := ports[number]; !wanted {
			closing()
			delete(open, number)
		}
	}
	for number := range ports {
		if open[number] != nil {
			continue
		}
		address := net.JoinHostPort(s.options.TCP, strconv.Itoa(number))
		if number == port(s.options.HTTP) || number == port(s.options.HTTPS) { // or who comes first would have it
			open[number] = func() { s.trouble.clear("own port " + address) }
			s.trouble.set("own port "+address, schedule.IngressProblem{TCP: number, Text: fmt.Sprintf("Connections cannot be let in on %s: "+
				"the ingress itself listens there, for HTTP; write host in place of tcp, or another port", address)})
			continue
		}
		door, closing := context.WithCancel(ctx)
		open[number] = closing
		all.Go(func() {
			s.keep(door, schedule.IngressProblem{TCP: number}, address, func() {}, func(l net.Listener) error { return s.accept(base, number, l) })
		})
	}
}

// accept takes connections until the listener is closed. What else fails, such as for want of file descriptors, passes; to close the port
// would be to turn away those who wait there.
func (s *Server) accept(base context.Context, number int, l net.Listener) error {
	for {
		c, err := l.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept: %w", err)
		case err != nil:
			s.options.Log.Debug("a connection was not let in", "port", number, "error", err)
			wait(base, acceptAgain)
			continue
		}
		if !s.enter() {
			c.Close()
			continue
		}
		go func() {
			defer s.leave()
			s.pass(base, number, c.(*net.TCPConn))
		}()
	}
}

// pass connects a client to an instance, and passes on what either says until both have ended.
func (s *Server) pass(ctx context.Context, number int, client *net.TCPConn) {
	t := s.table.Load()
	route := t.Ports[number]
	instance, b := connect(ctx, t, number)
	s.metrics.connection(route.Job, instance != nil)
	if instance == nil {
		client.SetLinger(0) // a reset: the client is not to take it for an orderly end
		client.Close()
		return
	}
	defer b.underway.Add(-1)
	closing := sync.OnceFunc(func() { client.Close(); instance.Close() })
	defer closing()
	defer context.AfterFunc(ctx, closing)()
	pass := func(to, from *net.TCPConn) {
		_, err := io.Copy(to, from)
		if err != nil {
			to.SetLinger(0) // a reset: nobody is to take for whole what has broken off
		}
		if err != nil || to.CloseWrite() != nil {
			closing() // the other direction leads nowhere any more, either
		}
	}
	var both sync.WaitGroup
	both.Go(func() { pass(instance, client) })
	both.Go(func() { pass(client, instance) })
	both.Wait()
}

// connect connects to an instance, and counts that as under way there; nil if none could be reached.
func connect(ctx context.Context, t *table, number int) (*net.TCPConn, *backend) {
	var tried []*backend
	for len(tried) < attempts {
		b := t.pick(t.Ports[number], tried)
		if b == nil {
			break
		}
		b.underway.Add(1)
		c, err := b.dial(ctx)
		if err == nil {
			b.worked()
			return c, b
		}
		b.underway.Add(-1)
		b.failed()
		tried = append(tried, b)
	}
	return nil, nil
}
