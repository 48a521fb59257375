package worklist

import (
	"time"
)

// reservation decides how far next is reserved ahead. Each reservation costs a write before the claim that needs it is
// answered, and what was reserved but not handed out is in doubt after a crash: so it aims at one write a second, growing
// when used up sooner and shrinking when it lasted.
type reservation struct {
	exact bool // the engine writes with each claim: reserve what it needs
	ahead int64
	at    time.Time
}

func (r *reservation) step(now time.Time, need int64) int64 {
	if r.exact {
		return need
	}
	switch used := now.Sub(r.at); {
	case r.at.IsZero() || used > 4*time.Second:
		r.ahead /= 4
	case used < time.Second && r.ahead < MaxSize/4:
		r.ahead *= 4
	}
	r.ahead = max(r.ahead, need)
	r.at = now
	return r.ahead
}
