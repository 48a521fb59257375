package ingress

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
)

// keepPorts listens on the ports of the table, as it is at the time, until ctx ends. Connections last
// until base ends.
func (s *Server) keepPorts(ctx, base context.Context) {
	open := map[int]context.CancelFunc{}
	var all sync.WaitGroup
	defer all.Wait()
	for {
		ports := s.table.Load().Ports
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
			door, closing := context.WithCancel(ctx)
			open[number] = closing
			address := net.JoinHostPort(s.options.TCP, strconv.Itoa(number))
			all.Go(func() {
				s.keep(door, "Connections", address, func() {}, func(l net.Listener) error { return s.accept(base, number, l) })
			})
		}
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

// accept takes connections until the listener is closed.
func (s *Server) accept(base context.Context, number int, l net.Listener) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return fmt.Errorf("accept: %w", err)
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
		if _, err := io.Copy(to, from); err != nil || to.CloseWrite() != nil {
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
