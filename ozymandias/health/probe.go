package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/plain"
)

// prober makes checks of one container.
type prober struct {
	check  job.Healthcheck
	target Target
}

// ErrNotBegun says of a command that it was not even begun before its context ended, which is the fault of whoever was to begin it.
var ErrNotBegun = errors.New("not begun")

// Why a check was ended before there was an answer.
var (
	errTimeout = errors.New("timeout")
	errHeldUp  = errors.New("held up")
)

// slack is by how much a timer may be late before it is the node that was held up, stopped or starved of processors, rather than the
// container: an answer may be waiting to be read.
const slack = time.Second

// probe makes one check, which ends within its timeout.
func (p prober) probe(ctx context.Context) finding {
	begun, timeout := time.Now(), time.Duration(p.check.Timeout)
	attempt, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(timeout, func() {
		if time.Since(begun) > timeout+slack {
			cancel(errHeldUp)
		}
		cancel(errTimeout)
	}).Stop()

	var found finding
	switch p.check.Type {
	case job.HTTP:
		found = p.http(attempt)
	case job.TCP:
		found = p.tcp(attempt)
	case job.Exec:
		found = p.exec(attempt)
	default:
		found = finding{fault: fmt.Sprintf("there is no healthcheck of type %q", p.check.Type), unsure: true}
	}
	if found.fault != "" && context.Cause(attempt) == errHeldUp {
		return finding{fault: "the node was held up during the check", unsure: true}
	}
	found.fault = plain.Line(found.fault, 300)
	return found
}

// dialer keeps nothing open and sends no probes of its own.
var dialer = net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: false}, KeepAlive: -1}

// http gets the path. Only the status is looked at, and a redirect is one: it is not followed, since what it leads to is not the
// container, or will be asked by a path of its own.
func (p prober) http(ctx context.Context) finding {
	server := p.server()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server+p.check.Path, nil)
	if err != nil {
		return finding{fault: err.Error()}
	}
	get := "GET " + request.URL.String()
	request.Header.Set("User-Agent", "ozymandias-health")
	// Each check has a connection of its own, so that it finds out whether one can be made, and leaves none open.
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10}
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return finding{fault: p.why(ctx, get, err)}
	}
	defer answer.Body.Close()
	// Small answers are read to their end, as servers are apt to complain of a connection that is closed before.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 10<<10))
	if answer.StatusCode < 200 || answer.StatusCode > 399 {
		return finding{fault: fmt.Sprintf("%s answered %d %s", get, answer.StatusCode, http.StatusText(answer.StatusCode))}
	}
	return finding{}
}

// tcp makes a connection and closes it.
func (p prober) tcp(ctx context.Context) finding {
	connection, err := dialer.DialContext(ctx, "tcp", p.server())
	if err != nil {
		return finding{fault: p.why(ctx, "connect to "+p.server(), err)}
	}
	_ = connection.Close()
	return finding{}
}

func (p prober) server() string {
	return netip.AddrPortFrom(p.target.Address, uint16(p.check.Port)).String()
}

// why says in words why there was no answer.
func (p prober) why(ctx context.Context, doing string, err error) string {
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	switch {
	case context.Cause(ctx) == errTimeout:
		return fmt.Sprintf("%s: no answer within %s", doing, p.check.Timeout)
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens on " + p.server()
	}
	return fmt.Sprintf("%s: %s", doing, err)
}

// exec runs the command in the container.
func (p prober) exec(ctx context.Context) finding {
	command := plain.Line(strings.Join(p.check.Command, " "), 100) // a whole script, it may be
	code, output, err := p.target.Exec(ctx, p.check.Command)
	switch {
	case errors.Is(err, ErrNotBegun):
		return finding{fault: fmt.Sprintf("%s: not begun within %s", command, p.check.Timeout), unsure: true}
	case context.Cause(ctx) == errTimeout:
		return finding{fault: fmt.Sprintf("%s: has not ended within %s", command, p.check.Timeout)}
	case err != nil:
		return finding{fault: fmt.Sprintf("%s: %s", command, err), unsure: true}
	case code == 0:
		return finding{}
	}
	fault := fmt.Sprintf("%s: ended with %d", command, code)
	if said := strings.TrimSpace(output); said != "" {
		fault += ": " + strings.TrimSpace(said[strings.LastIndexByte(said, '\n')+1:])
	}
	return finding{fault: fault}
}
