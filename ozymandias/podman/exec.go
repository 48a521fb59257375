package podman

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Exec is a command to be run in a container beside what runs there.
type Exec struct {
	Command []string
	// Stdin, if any, is sent to the command; when it ends, so does the command's standard input.
	Stdin io.Reader
	// Stdout and Stderr get the output; nil drops it. With a terminal, all of it goes to Stdout.
	Stdout, Stderr io.Writer
	// Terminal gives the command one, with Sizes coming whenever it changes.
	Terminal bool
	Sizes    <-chan TerminalSize
}

// TerminalSize is that of a terminal, in characters.
type TerminalSize struct{ Rows, Columns int }

// Exec runs a command in a running container and returns its exit code: as a shell has it, 127 if there is no such program and 126 if it cannot
// be run, which is then said on its standard error. When ctx ends first, the command is killed and the error is ctx's, beside [ErrNotBegun] if
// podman had not begun it by then; what it started in the background is not killed.
func (c *Client) Exec(ctx context.Context, container string, e Exec) (int, error) {
	begun := false
	fault := func(err error) error {
		if ctx.Err() != nil {
			err = ctx.Err()
			if !begun {
				err = fmt.Errorf("%w: %w", ErrNotBegun, err)
			}
		}
		return fmt.Errorf("run %q in container %s: %w", strings.Join(e.Command, " "), container, err)
	}
	session := struct {
		Command  []string `json:"Cmd"`
		Terminal bool     `json:"Tty"`
		Stdin    bool     `json:"AttachStdin"`
		Stdout   bool     `json:"AttachStdout"`
		Stderr   bool     `json:"AttachStderr"`
	}{e.Command, e.Terminal, e.Stdin != nil, true, true}
	var created struct {
		ID string `json:"Id"`
	}
	if err := c.call(ctx, http.MethodPost, "/containers/"+url.PathEscape(container)+"/exec", nil, session, &created); err != nil {
		return 0, fault(err)
	}
	// What is still to be done once ctx has ended may take that long.
	within, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	defer context.AfterFunc(ctx, func() { time.AfterFunc(killsWithin, func() { giveUp(context.DeadlineExceeded) }) })()
	begun, err := c.attach(ctx, within, created.ID, e)
	if err == nil {
		var code int
		if code, err = c.execCode(ctx, created.ID); err == nil {
			return code, nil
		}
	}
	if ctx.Err() != nil {
		if failed := c.killExec(within, created.ID); failed != nil {
			return 0, fmt.Errorf("%w; kill it: %w", fault(err), failed)
		}
	}
	return 0, fault(err)
}

// attach starts the command and carries what goes in and out, until the command has ended or ctx has; and tells whether podman had begun it
// before ctx ended.
//
// Podman is not left before it has answered, unless that takes longer than within. It could not answer then, would put down that the command
// has ended, and would not tell conmon to begin it. But conmon begins it also when podman gives up (podman 4.3, conmon 2.1): it would run for
// ever, and nobody would know.
func (c *Client) attach(ctx, within context.Context, id string, e Exec) (begun bool, err error) {
	if ctx.Err() != nil {
		return false, ctx.Err() // nothing is begun any more
	}
	r, err := request(within, http.MethodPost, "/exec/"+id+"/start", nil, map[string]bool{"Detach": false, "Tty": e.Terminal})
	if err != nil {
		return false, err
	}
	// The connection is no longer HTTP's once the command runs; then it is the command's, and has two halves that end apart.
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "tcp")
	dialled, err := new(net.Dialer).DialContext(within, "unix", c.socket)
	if err != nil {
		return false, fmt.Errorf("ask podman: %w", err)
	}
	connection := dialled.(*net.UnixConn)
	defer connection.Close()
	defer context.AfterFunc(within, func() { connection.Close() })()
	if err := r.Write(connection); err != nil {
		return false, fmt.Errorf("ask podman: %w", err)
	}
	output := bufio.NewReader(connection)
	answer, err := http.ReadResponse(output, r)
	if err != nil {
		return false, fmt.Errorf("read podman's answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK && answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
		return false, refusal(answer)
	}
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	if e.Stdin != nil {
		// It ends with its source, which may be a person's terminal: nobody waits for it.
		go func() {
			if _, err := io.Copy(connection, e.Stdin); err == nil {
				_ = connection.CloseWrite()
			}
		}()
	}
	var resized sync.WaitGroup
	over := make(chan struct{})
	defer resized.Wait()
	defer close(over)
	if e.Terminal && e.Sizes != nil {
		resized.Go(func() { c.resize(ctx, id, e.Sizes, over) })
	}
	err = carry(output, e)
	if e.Stdin != nil && errors.Is(err, unix.ECONNRESET) {
		err = nil // so podman closes if the command has left input; what it said came before, and its exit code is asked for
	}
	return true, err
}

// carry takes the output apart.
func carry(output io.Reader, e Exec) error {
	out, fault := e.Stdout, e.Stderr
	if out == nil {
		out = io.Discard
	}
	if fault == nil {
		fault = io.Discard
	}
	if e.Terminal {
		_, err := io.Copy(out, output)
		return err
	}
	for failed := false; ; {
		stream, piece, err := readFrame(output)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		to := out
		if stream == 2 {
			to = fault
		}
		if stream == 2 && (failed || e.Stdin != nil) && left.Match(piece) {
			continue
		}
		failed = stream == 2 && unable.Match(piece)
		if _, err := to.Write(piece); err != nil {
			return err
		}
	}
}

// What podman says itself of a command that could not be run: that, and then perhaps that who was to run it has gone, which is no news, also
// of a command that has ended before it had read all its input.
var (
	unable = regexp.MustCompile(`^Error: .*\bOCI `)
	left   = regexp.MustCompile(`^Error: (read|write) unixpacket .*/attach: (read|write): (connection reset by peer|broken pipe)\n$`)
)

// resize passes sizes on. One that is lost is made good by the next.
func (c *Client) resize(ctx context.Context, id string, sizes <-chan TerminalSize, over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case size, ok := <-sizes:
			if !ok {
				return
			}
			query := url.Values{"h": {strconv.Itoa(size.Rows)}, "w": {strconv.Itoa(size.Columns)}}
			_ = c.call(ctx, http.MethodPost, "/exec/"+id+"/resize", query, nil, nil)
		}
	}
}

// killsWithin bounds what is done after the end of a command's context.
const killsWithin = 10 * time.Second

type execState struct {
	Running     bool
	ExitCode    int
	Pid         int
	ContainerID string
}

func (c *Client) exec(ctx context.Context, id string) (execState, error) {
	var state execState
	err := c.call(ctx, http.MethodGet, "/exec/"+id+"/json", nil, nil, &state)
	return state, err
}

// execCode returns the exit code of a command whose output has ended. Podman may learn of its end a moment later.
func (c *Client) execCode(ctx context.Context, id string) (int, error) {
	for pause := 5 * time.Millisecond; ; pause = min(2*pause, again) {
		state, err := c.exec(ctx, id)
		if err != nil || !state.Running {
			return state.ExitCode, err
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(pause):
		}
	}
}

// killExec ends a command that runs in a container. Podman has no request for that; but it names the process.
func (c *Client) killExec(ctx context.Context, id string) error {
	state, err := c.exec(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil || !state.Running || state.Pid == 0 {
		return err
	}
	process, err := unix.PidfdOpen(state.Pid, 0)
	if err != nil {
		return nil // it has ended
	}
	defer unix.Close(process)
	// The number may have gone to another process before that was opened, but not to one of this container.
	groups, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", state.Pid))
	if err != nil || !strings.Contains(string(groups), state.ContainerID) {
		return nil
	}
	if err := unix.PidfdSendSignal(process, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d: %w", state.Pid, err)
	}
	return nil
}
