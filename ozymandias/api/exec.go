package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/podman"
)

// exec runs a command in a container, over a connection that is upgraded.
func (a *API) exec(w http.ResponseWriter, r *http.Request) {
	in, names, err := a.containers(r)
	query := r.URL.Query()
	switch {
	case err != nil:
	case in.Phase == v1.InstanceComplete || in.Phase == v1.InstanceFailed:
		err = v1.NotRunning.New("%s has ended (%s): nothing of it runs", in.Name, in.Phase)
	case !strings.EqualFold(r.Header.Get("Upgrade"), v1.ExecProtocol):
		err = v1.Invalid.New("a command is run by a connection that is upgraded: send the header `Upgrade: %s`", v1.ExecProtocol)
	case len(query["command"]) == 0:
		err = v1.Invalid.New("there is no command: give it as ?command=sh&command=-c&command=...")
	case len(names) > 1:
		err = v1.Invalid.New("%s has the containers %s: say in which one the command is to run, by -c or ?container=", in.Name, strings.Join(names, ", "))
	}
	if err != nil {
		write(w, err)
		return
	}
	a.on(w, r, in.Node, func(w http.ResponseWriter, r *http.Request) {
		found, err := a.local(r.Context(), in, names)
		if container := found[names[0]]; err == nil && !container.Running() {
			err = v1.NotRunning.New("%s of %s does not run on %s: it is %s%s", names[0], in.Name, in.Node, container.Status, because(in))
		}
		if err != nil {
			write(w, err)
			return
		}
		terminal, _ := strconv.ParseBool(query.Get("terminal"))
		stdin, _ := strconv.ParseBool(query.Get("stdin"))
		a.run(w, r, found[names[0]].ID, podman.Exec{Command: query["command"], Terminal: terminal}, stdin)
	})
}

// run takes the connection over and carries what goes in and out of a command. Whoever hangs up ends it.
func (a *API) run(w http.ResponseWriter, r *http.Request, container string, e podman.Exec, stdin bool) {
	w.Header().Set("Connection", "Upgrade")
	w.Header().Set("Upgrade", v1.ExecProtocol)
	w.WriteHeader(http.StatusSwitchingProtocols)
	connection, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the server ends
	}
	defer connection.Close()
	ctx, hangUp := context.WithCancel(r.Context())
	defer hangUp()
	out := &frameWriter{to: connection, broken: hangUp}
	e.Stdout, e.Stderr = out.stream(v1.Stdout), out.stream(v1.Stderr)
	input, to := io.Pipe()
	toInput := &feed{PipeWriter: to}
	if stdin {
		e.Stdin = input
	} else {
		input.Close() // what comes is dropped
	}
	sizes := make(chan podman.TerminalSize, 1)
	e.Sizes = sizes
	var reading sync.WaitGroup
	reading.Go(func() {
		defer hangUp()
		defer toInput.Close()
		listen(buffered.Reader, toInput, sizes)
	})
	reading.Go(func() { toInput.watch(ctx, out) })
	code, err := a.Podman.Exec(ctx, container, e)
	end := v1.ExecEnd{Code: code}
	if err != nil && !errors.As(problem(err), &end.Problem) {
		end.Problem = v1.Internal.New("%v", err)
	}
	if text, err := json.Marshal(end); err == nil {
		_ = out.write(v1.Ended, text) // who has gone does not care
	}
	input.Close() // what still comes is dropped
	// A connection that is closed while there is something to be read is reset, and what the caller has not read yet is lost, the end among it.
	if half, ok := connection.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = connection.SetReadDeadline(time.Now().Add(closeWithin))
	reading.Wait()
}

// closeWithin is how long a caller may take to hang up once it was sent how its command ended.
const closeWithin = 2 * time.Second

// A feed is what a command is sent. As long as the command does not take it nothing more is read of what the caller sends, as that would have to be
// kept, and so it is not noticed either that the caller hangs up.
type feed struct {
	*io.PipeWriter
	waits atomic.Bool
}

func (f *feed) Write(piece []byte) (int, error) {
	f.waits.Store(true)
	defer f.waits.Store(false)
	return f.PipeWriter.Write(piece)
}

// callEvery is how often a caller of whom nothing is read is sent something.
const callEvery = time.Second

// watch sends the caller empty pieces while the command does not take what it was sent, until ctx ends: to one that has hung up they cannot be
// sent. What was sent but not read keeps the end of a connection from being seen, but not this: to a connection that is closed there, the other
// machine says so at the first piece, and the second fails.
func (f *feed) watch(ctx context.Context, out *frameWriter) {
	call := time.NewTicker(callEvery)
	defer call.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-call.C:
			if f.waits.Load() {
				_ = out.write(v1.Stdout, nil) // it tells by itself that it is broken
			}
		}
	}
}

// listen passes on what the caller sends, until it hangs up.
func listen(from *bufio.Reader, stdin io.WriteCloser, sizes chan podman.TerminalSize) {
	for {
		stream, piece, err := v1.ReadFrame(from)
		switch {
		case err != nil:
			return
		case stream == v1.Stdin && len(piece) == 0:
			stdin.Close()
		case stream == v1.Stdin:
			_, _ = stdin.Write(piece) // a command need not read what it is sent
		case stream == v1.Resize:
			var size v1.TerminalSize
			if json.Unmarshal(piece, &size) != nil {
				return
			}
			select { // the newest is what counts
			case <-sizes:
			default:
			}
			sizes <- podman.TerminalSize{Rows: size.Rows, Columns: size.Columns}
		}
	}
}

// frameWriter writes pieces of several streams, and tells if it cannot.
type frameWriter struct {
	mu     sync.Mutex
	to     io.Writer
	broken func()
}

func (f *frameWriter) write(stream byte, piece []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := v1.WriteFrame(f.to, stream, piece)
	if err != nil {
		f.broken()
	}
	return err
}

func (f *frameWriter) stream(number byte) io.Writer { return streamWriter{f, number} }

type streamWriter struct {
	*frameWriter
	number byte
}

func (s streamWriter) Write(b []byte) (int, error) {
	const most = 64 << 10
	for rest := b; len(rest) > 0; {
		piece := rest[:min(len(rest), most)]
		if err := s.write(s.number, piece); err != nil {
			return 0, err
		}
		rest = rest[len(piece):]
	}
	return len(b), nil
}
