package api

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"teamtask.dev/ozymandias/api/v1"
)

// How often something is looked up that is not known: per second, and how many times at once after a rest. What is known is let in without
// counting, so that nobody can be kept out by somebody else's tries.
const (
	triesEach, burstEach = 1, 10 // of one source
	triesAll, burstAll   = 20, 50
)

// strangers are those who show what nobody knows. Each costs a question to etcd, as it may have been made a moment ago: so there are limits.
type strangers struct {
	mu   sync.Mutex
	all  *rate.Limiter
	each map[netip.Prefix]*rate.Limiter // those that have used their limit within the last seconds
}

func newStrangers() *strangers {
	return &strangers{all: rate.NewLimiter(triesAll, burstAll), each: map[netip.Prefix]*rate.Limiter{}}
}

// admit tells, by an error, if there were too many from that address, or in all.
func (s *strangers) admit(remote string, now time.Time) error {
	from := source(remote)
	s.mu.Lock()
	defer s.mu.Unlock()
	limit, known := s.each[from]
	if !known {
		limit = rate.NewLimiter(triesEach, burstEach)
	}
	if !limit.AllowN(now, 1) || !s.all.AllowN(now, 1) {
		return again(v1.TooManyTries.New("what you show was not known a moment ago, and too much of that kind was shown lately: if it is new, try again in a second"))
	}
	for other, limit := range s.each {
		if limit.TokensAt(now) >= burstEach { // as if it had never been here
			delete(s.each, other)
		}
	}
	s.each[from] = limit
	return nil
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
