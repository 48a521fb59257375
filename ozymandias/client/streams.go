package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"sync"
	"time"

	"teamtask.dev/ozymandias/api/v1"
)

// Log says which lines of an instance are wanted. The zero value wants all that there are.
type Log struct {
	// Container; "" for all.
	Container string
	// Node is where the instance was, if what it wrote there is wanted and not where it is now.
	Node string
	// Previous wants what each container wrote before it was last started, rather than since.
	Previous bool
	// Follow goes on until the containers have ended.
	Follow bool
	// Tail is how many of the last lines of each container are wanted; 0: all.
	Tail int
	// Since leaves out what was written before, to the second.
	Since time.Time
}

// Logs reads what an instance's containers have written. An error is the last thing it yields; none if all lines were read.
func (c *Client) Logs(ctx context.Context, instance string, l Log) iter.Seq2[v1.LogLine, error] {
	return func(yield func(v1.LogLine, error) bool) {
		ctx, done := context.WithCancel(ctx)
		defer done()
		query := named("container", l.Container, "node", l.Node)
		if l.Follow {
			query.Set("follow", "true")
		}
		if l.Previous {
			query.Set("previous", "true")
		}
		if l.Tail > 0 {
			query.Set("tail", strconv.Itoa(l.Tail))
		}
		if !l.Since.IsZero() {
			query.Set("since", l.Since.UTC().Format(time.RFC3339))
		}
		r, err := c.request(ctx, http.MethodGet, "/v1/instances/"+escape(instance)+"/logs", query, "", nil)
		if err != nil {
			yield(v1.LogLine{}, err)
			return
		}
		answer, err := c.send(r)
		if err != nil {
			yield(v1.LogLine{}, err)
			return
		}
		defer answer.Body.Close()
		for lines := json.NewDecoder(answer.Body); ; {
			var line v1.LogLine
			switch err := lines.Decode(&line); {
			case errors.Is(err, io.EOF):
				return
			case errors.Is(err, io.ErrUnexpectedEOF):
				yield(line, fmt.Errorf("the log of %s broke off: the node that was asked, or the one that has it, has ended or is lost: %w", instance, err))
				return
			case err != nil:
				yield(line, fmt.Errorf("read the log of %s: %w", instance, err))
				return
			case line.Problem != nil:
				yield(line, line.Problem)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// Exec is a command to be run in a container.
type Exec struct {
	// Container; "" for the only one that there is.
	Container string
	Command   []string
	// Stdin, if any, is sent to the command.
	Stdin io.Reader
	// Stdout and Stderr get the output; nil drops it. With a terminal, all of it goes to Stdout.
	Stdout, Stderr io.Writer
	// Terminal gives the command one, with Sizes coming whenever it changes.
	Terminal bool
	Sizes    <-chan v1.TerminalSize
}

// Exec runs a command in a container of an instance and returns its exit code. When ctx ends first, the command is killed.
func (c *Client) Exec(ctx context.Context, instance string, e Exec) (code int, err error) {
	query := named("container", e.Container)
	query["command"] = e.Command
	if e.Stdin != nil {
		query.Set("stdin", "true")
	}
	if e.Terminal {
		query.Set("terminal", "true")
	}
	r, err := c.request(ctx, http.MethodPost, "/v1/instances/"+escape(instance)+"/exec", query, "", nil)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", v1.ExecProtocol)
	connection, err := c.dial(ctx)
	if err != nil {
		return 0, &UnreachedError{c.where, err}
	}
	defer connection.Close()
	hungUp := context.AfterFunc(ctx, func() { connection.Close() })
	defer hungUp()
	if err := r.Write(connection); err != nil {
		return 0, &UnreachedError{c.where, err}
	}
	from := bufio.NewReader(connection)
	answer, err := http.ReadResponse(from, r)
	if err != nil {
		return 0, &UnreachedError{c.where, err}
	}
	if answer.StatusCode != http.StatusSwitchingProtocols {
		defer answer.Body.Close()
		return 0, c.refusal(answer)
	}
	s := &session{Exec: e, to: connection}
	over := make(chan struct{})
	defer close(over)
	if e.Stdin != nil {
		go s.send() // it ends with its source, which may be a person's terminal: nobody waits for it
	}
	if e.Sizes != nil {
		go s.resize(over)
	}
	code, err = s.receive(from)
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return code, err
}

// session is a command that runs.
type session struct {
	Exec
	mu sync.Mutex
	to io.Writer
}

func (s *session) write(stream byte, piece []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return v1.WriteFrame(s.to, stream, piece)
}

func (s *session) send() {
	for piece := make([]byte, 32<<10); ; {
		n, err := s.Stdin.Read(piece)
		if n > 0 && s.write(v1.Stdin, piece[:n]) != nil {
			return
		}
		if err != nil {
			_ = s.write(v1.Stdin, nil)
			return
		}
	}
}

func (s *session) resize(over <-chan struct{}) {
	for {
		select {
		case <-over:
			return
		case size, ok := <-s.Sizes:
			if !ok {
				return
			}
			if text, err := json.Marshal(size); err == nil && s.write(v1.Resize, text) != nil {
				return
			}
		}
	}
}

// receive writes what the command does, until it has ended.
func (s *session) receive(from io.Reader) (code int, err error) {
	outputs := map[byte]io.Writer{v1.Stdout: s.Stdout, v1.Stderr: s.Stderr}
	for {
		stream, piece, err := v1.ReadFrame(from)
		switch {
		case err != nil:
			return 0, fmt.Errorf("the connection broke before the command had ended: %w", err)
		case stream == v1.Ended:
			var end v1.ExecEnd
			if err := json.Unmarshal(piece, &end); err != nil {
				return 0, fmt.Errorf("read how the command ended: %w", err)
			}
			if end.Problem != nil {
				return 0, end.Problem
			}
			return end.Code, nil
		case outputs[stream] != nil:
			if _, err := outputs[stream].Write(piece); err != nil {
				return 0, err
			}
		}
	}
}
