package ingress

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"teamtask.dev/ozymandias/ingress/routes"
)

func TestPick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := routes.Route{Job: "web", Addresses: []netip.AddrPort{
			netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:1"), netip.MustParseAddrPort("10.0.0.3:1")}}
		table := (&table{}).next(routes.Table{Ports: map[int]routes.Route{1: r}})
		var all []*backend
		for _, a := range r.Addresses {
			all = append(all, table.backends[a])
		}
		// picked are those that come up, in hundreds of times.
		picked := func(tried ...*backend) map[*backend]bool {
			got := map[*backend]bool{}
			for range 300 {
				got[table.pick(r, tried)] = true
			}
			return got
		}
		want := func(what string, got map[*backend]bool, wanted ...*backend) {
			t.Helper()
			for _, b := range wanted {
				if !got[b] {
					t.Errorf("%s: %v is never picked", what, b)
				}
			}
			if len(got) != len(wanted) {
				t.Errorf("%s: %d are picked, want %d", what, len(got), len(wanted))
			}
		}
		want("nothing is known", picked(), all...)
		want("one was tried", picked(all[0]), all[1], all[2])
		want("all were tried", picked(all...), nil)
		all[1].underway.Add(1)
		want("the busiest of all is not the better of two", picked(), all[0], all[2])
		all[2].failed()
		want("one could not be reached, another one is busy", picked(), all[0])
		all[1].leave()
		want("one could not be reached", picked(), all[0], all[1])
		all[0].failed()
		all[1].failed()
		want("none could be reached, which is better than nothing", picked(all[0]), all[1], all[2])
		time.Sleep(sparedFor)
		want("that was a while ago", picked(all[1]), all[0], all[2])
		all[0].failed()
		all[0].worked()
		want("it worked since", picked(all[1]), all[0], all[2])
		if again := table.next(routes.Table{Ports: map[int]routes.Route{2: r}}); again.backends[r.Addresses[1]] != all[1] {
			t.Error("what is known of an address is forgotten with the next table")
		}
	})
}

func TestCodeOfFailures(t *testing.T) {
	for err, want := range map[error]int{
		&net.OpError{Op: "dial", Err: os.ErrDeadlineExceeded}: http.StatusGatewayTimeout,
		errors.New("connection reset by peer"):                http.StatusBadGateway,
	} {
		if got := unreachable("web", err).Status; got != want {
			t.Errorf("%v is answered with %d, want %d", err, got, want)
		}
	}
}

// Nodes that keep failing do not use up what the authority lets in: five failures an hour.
func TestFailuresAreFarBetween(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	end := now.Add(24 * time.Hour)
	var f failures
	var times []time.Time
	for now.Before(end) {
		times = append(times, now)
		f = f.and(context.DeadlineExceeded, now)
		now = f.Next
	}
	for i, first := range times[:len(times)-5] {
		if times[i+5].Sub(first) < time.Hour {
			t.Errorf("six attempts within %v: %v", times[i+5].Sub(first), times[i:i+6])
		}
	}
	if len(times) < 24 || f.Number != len(times) || f.Last == "" {
		t.Errorf("%d attempts in a day, the last %+v", len(times), f)
	}
}
