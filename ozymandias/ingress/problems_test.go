package ingress_test

import (
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"teamtask.dev/ozymandias/ingress"
	"teamtask.dev/ozymandias/ingress/routes"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/test/address"
)

// A problem is about something that jobs can be found by, says what helps, and is logged as a sentence, once.
func TestProblemsSayWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	own := address.Free(t)
	host, number, _ := net.SplitHostPort(own)
	ours, _ := strconv.Atoi(number)
	table := secured(job.TLS{ACME: true}, "a.example", instance(t, says("hello")))
	table.Ports = map[int]routes.Route{ours: route("own", echoing(t))}
	var log locked
	n := start(t, ingress.Options{HTTP: own, HTTPS: other.Addr().String(), Log: slog.New(slog.NewTextHandler(&log, nil))}, table)
	n.SetTable(table)
	want := []schedule.IngressProblem{
		{TCP: ours, Text: "Connections cannot be let in on " + net.JoinHostPort(host, number) +
			": the ingress itself listens there, for HTTP; write host in place of tcp, or another port"},
		{Scheme: "https", Text: "HTTPS cannot be let in on " + other.Addr().String() +
			": another program listens there; stop it, or start the node with another port (--https)"},
		{Host: "a.example", Text: "no certificate for a.example: there is no ACME authority: start all nodes with --acme-email, or give a certificate in a secret"},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v\n%s", n.Problems(), log.String())
		}
	})
	eventually(t, fmt.Sprintf("the problems are %+v", want), func() bool { return slices.Equal(n.Problems(), want) })
	for _, p := range want {
		if line := "level=WARN msg=" + strconv.Quote(p.Text); strings.Count(log.String(), line) != 1 {
			t.Errorf("the log does not have %q once:\n%s", line, log.String())
		}
	}
}

// locked is a buffer that several write into.
type locked struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
