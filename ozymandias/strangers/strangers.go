// Package strangers limits how often those are listened to of whom nothing is known and who cost a question to etcd all the same: by the API who
// shows a token that may have been made a moment ago, by the ingress who says to be a certificate authority. What is known is let in without
// counting, so that nobody can be kept out by somebody else's tries.
package strangers

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits are how many tries there may be per second, and how many at once after a rest.
type Limits struct {
	Each, EachAtOnce int // of one source
	All, AllAtOnce   int
}

// Limiter counts tries.
type Limiter struct {
	limits Limits
	mu     sync.Mutex
	all    *rate.Limiter
	each   map[netip.Prefix]*rate.Limiter // those that have used their limit within the last seconds
}

// New returns a limiter of which nobody has used anything.
func New(l Limits) *Limiter {
	return &Limiter{limits: l, all: rate.NewLimiter(rate.Limit(l.All), l.AllAtOnce), each: map[netip.Prefix]*rate.Limiter{}}
}

// Admit tells whether one more try from an address, IP:PORT, is not too many from there, or in all.
func (s *Limiter) Admit(remote string, now time.Time) bool {
	from := source(remote)
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, known := s.each[from]
	if !known {
		limit = rate.NewLimiter(rate.Limit(s.limits.Each), s.limits.EachAtOnce)
	}
	if !limit.AllowN(now, 1) || !s.all.AllowN(now, 1) {
		return false
	}
	for other, limit := range s.each {
		if limit.TokensAt(now) >= float64(s.limits.EachAtOnce) { // as if it had never been here
			delete(s.each, other)
		}
	}
	s.each[from] = limit
	return true
}

// source is who counts as one: an address, or with IPv6 a network, of which one machine has as many addresses as it likes.
func source(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{} // of a Unix socket
	}
	address, bits := at.Addr().Unmap().WithZone(""), 32
	if address.Is6() {
		bits = 64
	}
	p, _ := address.Prefix(bits) // as many as it has
	return p
}
