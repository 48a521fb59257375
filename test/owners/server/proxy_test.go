package server

import (
	"net"
	"sync"
	"testing"
	"time"
)

// proxy is between a server and its etcd. It can be cut: then nothing comes through, and nothing fails, until it is healed.
type proxy struct {
	listener net.Listener
	to       string
	copies   sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
	whole chan struct{} // closed: it is not cut
	heals *time.Timer
	over  bool
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to, whole: make(chan struct{})}
	close(p.whole)
	p.copies.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.heal()
		p.mu.Lock()
		p.over = true
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		p.copies.Wait()
	})
	return p
}

func (p *proxy) accept() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", p.to)
		if err != nil {
			from.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, from, to)
		if p.over {
			from.Close()
			to.Close()
		}
		p.mu.Unlock()
		p.copies.Go(func() { p.copy(from, to) })
		p.copies.Go(func() { p.copy(to, from) })
	}
}

func (p *proxy) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		whole := p.whole
		p.mu.Unlock()
		<-whole
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// cut cuts the proxy for some time.
func (p *proxy) cut(d time.Duration) {
	p.heal()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole = make(chan struct{})
	p.heals = time.AfterFunc(d, p.heal)
}

func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.heals != nil {
		p.heals.Stop()
		p.heals = nil
		close(p.whole)
	}
}
