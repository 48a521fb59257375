package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"teamtask.dev/client"
	"teamtask.dev/member"
)

// joined is a session at a server that answers the n-th request for the worker's stream by the n-th answer, and the last one again and
// again. An answer is a status, or events.
func joined(t *testing.T, answers ...string) (s member.Session, asked *atomic.Int32) {
	t.Helper()
	asked = &atomic.Int32{}
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			fmt.Fprint(w, `{"incarnation":"0123456789abcdef","lease":"15s"}`)
		case r.Method == http.MethodGet && r.URL.Query().Get("incarnation") == "0123456789abcdef":
			answer := answers[min(int(asked.Add(1)), len(answers))-1]
			var status int
			if n, _ := fmt.Sscan(answer, &status); n == 1 {
				http.Error(w, answer, status)
				return
			}
			fmt.Fprint(w, answer)
		case r.Method == http.MethodPut && len(answers) > 0:
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, answers[0])
		default:
			http.Error(w, "", http.StatusConflict)
		}
	}))
	t.Cleanup(h.Close)
	c := client.New(h.URL, "")
	t.Cleanup(c.Close)
	c.Patience = -1
	s, err := c.Swarm("streams").Join(t.Context(), member.Worker{Name: "a"})
	if err != nil {
		t.Fatal(err)
	}
	return s, asked
}

func part(version int) string {
	return fmt.Sprintf("event: assignment\ndata: {\"spec\":{\"version\":%d}}\n\n", version)
}

const still, gone, lost = "event: still\ndata: {}\n\n", "event: gone\ndata: {}\n\n", "event: lost\ndata: {\"message\":\"its lease ran out\"}\n\n"

// Whoever waits for a part is told of it however often the stream breaks meanwhile; and of the end of the session.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		what    string
		answers []string
		want    int64
		asked   int32
		lost    bool
		err     string
	}{
		{"at once", []string{part(2)}, 2, 1, false, ""},
		{"after the one that is known", []string{part(1) + still + part(2)}, 2, 1, false, ""},
		{"the stream ends", []string{"", part(1), part(1) + still, part(2)}, 2, 4, false, ""},
		{"the stream breaks within an event", []string{part(2)[:30], part(2)}, 2, 2, false, ""},
		{"another server takes over", []string{part(1) + gone, "503 the swarm is being taken over", part(2)}, 2, 3, false, ""},
		{"the session is over", []string{still + lost}, 0, 1, true, "its lease ran out"},
		{"the session is over, as the answer says", []string{gone, "409 another has taken its place"}, 0, 2, true, "another has taken its place"},
		{"there is no such swarm any more", []string{"404 not found"}, 0, 1, true, "not found"},
		{"the token is another", []string{"401 the token given is not this server's"}, 0, 1, false, "the token given"},
	} {
		t.Run(c.what, func(t *testing.T) {
			s, asked := joined(t, c.answers...)
			got, err := s.Next(t.Context(), 1)
			if got.Version != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) || errors.Is(err, member.ErrLost) != c.lost {
				t.Errorf("version %d, %v", got.Version, err)
			}
			if n := asked.Load(); n != c.asked {
				t.Errorf("asked %d times, not %d", n, c.asked)
			}
		})
	}
}

// Who waits no longer is let go.
func TestNextIsGivenUp(t *testing.T) {
	s, _ := joined(t, "")
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Next(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A worker that is late has what is left of its lease to stop; one whose incarnation is not the present one has no time.
func TestRenewIsRefused(t *testing.T) {
	for answer, want := range map[string]error{
		`{"status":409,"detail":"not acknowledged within 30s","errors":[{"location":"body.version","message":"not acknowledged within 30s"}]}`: member.ErrOverdue,
		`{"status":409,"detail":"incarnation is not the present one"}`:                                                                         member.ErrLost,
	} {
		s, _ := joined(t, answer)
		err := s.Renew(t.Context(), member.Report{Version: 1})
		if !errors.Is(err, want) || errors.Is(err, member.ErrLost) && errors.Is(err, member.ErrOverdue) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}
