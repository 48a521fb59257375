package work

import (
	"context"
	"regexp"
	"time"

	"golang.org/x/time/rate"
)

// between two attempts to reach a List server
const (
	shortest = time.Second
	longest  = 30 * time.Second
)

// Why a list cannot be followed is told by a decision. A few in a row are for people to see what they do; but what is wrong in another way with
// each attempt, whatever its words have in them, is worth one a minute.
const (
	fewInARow = 5
	thenEach  = time.Minute
)

// ports are addresses that a connection came from, as package net tells them: another one with each attempt.
var ports = regexp.MustCompile(`[0-9a-f.:\[\]]+->`)

// retry watches until that ends without an error, or ctx does. In between it tells why it has to begin again, unless that is said already.
func retry(ctx context.Context, watch func(context.Context) error, said func() string, tell func(why string)) {
	worth := rate.NewLimiter(rate.Every(thenEach), fewInARow)
	for rest := shortest; ; rest = min(2*rest, longest) {
		began := time.Now()
		err := watch(ctx)
		if ctx.Err() != nil || err == nil {
			return
		}
		if why := ports.ReplaceAllString(err.Error(), ""); why != said() && worth.Allow() {
			tell(why)
		}
		if time.Since(began) > longest {
			rest = shortest
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
	}
}
