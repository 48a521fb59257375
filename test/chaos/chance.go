package chaos

import (
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Chance is a source of randomness for requests that come at the same time.
type Chance struct {
	mu  sync.Mutex
	rng *rand.Rand
}

// NewChance is one whose seed is drawn from another source.
func NewChance(rng *rand.Rand) *Chance { return &Chance{rng: rand.New(rand.NewPCG(rng.Uint64(), 0))} }

// Roll is a number from 0 to 1, 1 excluded.
func (c *Chance) Roll() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.Float64()
}

// Loses applies some requests and loses the answers, refuses some for too many, or writes with a conflict that is none, and is slow.
func (c *Chance) Loses(some, writes Requests) Fault {
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if Watches(r) || !some(r) {
			return send()
		}
		if err := wait(r, time.Duration(c.Roll()*float64(20*time.Millisecond))); err != nil {
			return nil, err
		}
		dice := c.Roll()
		switch {
		case dice < 0.03:
			return Answer(r, http.StatusTooManyRequests, "TooManyRequests", "Retry-After", "1"), nil
		case dice < 0.08 && writes(r):
			return Answer(r, http.StatusConflict, "Conflict"), nil
		case dice < 0.25:
			resp, err := send()
			if err != nil {
				return nil, err
			}
			resp.Body.Close()
			switch {
			case dice < 0.13:
				return nil, syscall.ECONNRESET
			case dice < 0.19:
				return nil, timeout{}
			}
			return Answer(r, http.StatusInternalServerError, "InternalError"), nil
		}
		return send()
	}
}

// Pauses stops a manager before a write, that is after what it has read for it: so often, from 0 to 1, and for so long at most.
func (c *Chance) Pauses(writes Requests, often float64, longest time.Duration) Fault {
	return func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		if writes(r) && c.Roll() < often {
			if err := wait(r, time.Duration(c.Roll()*float64(longest))); err != nil {
				return nil, err
			}
		}
		return send()
	}
}

type timeout struct{}

func (timeout) Error() string   { return "the answer does not come" }
func (timeout) Timeout() bool   { return true }
func (timeout) Temporary() bool { return true }
