package podman

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Line is one that a container wrote.
type Line struct {
	Time time.Time
	// Stderr says that it went to standard error rather than to standard output.
	Stderr bool
	// Text is without the line's end.
	Text string
}

// Log says which lines of a container are wanted. The zero value wants all that there are.
type Log struct {
	// Follow goes on until the container has ended.
	Follow bool
	// Since leaves out what was written before, to the second.
	Since time.Time
	// Tail is how many of the last lines are wanted; 0: all.
	Tail int
}

// Logs reads what a container has written. An error is the last thing it yields; none if all lines were read.
func (c *Client) Logs(ctx context.Context, name string, l Log) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		query := url.Values{"stdout": {"true"}, "stderr": {"true"}, "timestamps": {"true"}, "follow": {strconv.FormatBool(l.Follow)}}
		if !l.Since.IsZero() {
			query.Set("since", strconv.FormatInt(l.Since.Unix(), 10))
		}
		if l.Tail > 0 {
			query.Set("tail", strconv.Itoa(l.Tail))
		}
		ctx, done := context.WithCancel(ctx)
		defer done()
		answer, err := c.stream(ctx, http.MethodGet, "/containers/"+url.PathEscape(name)+"/logs", query, nil)
		if err != nil {
			yield(Line{}, fmt.Errorf("read the log of container %s: %w", name, err))
			return
		}
		defer answer.Close()
		var begun [4]Line // of each stream, a line whose end is to come: conmon cuts long ones
		for r := bufio.NewReader(answer); ; {
			stream, frame, err := readFrame(r)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Line{}, fmt.Errorf("read the log of container %s: %w", name, err))
				return
			}
			stamp, text, _ := strings.Cut(string(frame), " ")
			text, whole := strings.CutSuffix(text, "\n")
			line := &begun[stream]
			line.Stderr = stream == 2
			line.Time, _ = time.Parse(time.RFC3339Nano, stamp)
			line.Text += text
			if !whole && len(line.Text) < maxFrame {
				continue
			}
			read := *line
			*line = Line{}
			if !yield(read, nil) {
				return
			}
		}
	}
}

// maxFrame is the longest piece taken for one; anything longer means that the stream is not what it is taken for.
const maxFrame = 1 << 20

// readFrame reads a piece of output and which stream it belongs to: 1 is standard output, 2 standard error, and podman has 3 for what
// went wrong with itself. The form is docker's: the stream, three bytes of nothing, the length in four bytes, the piece.
func readFrame(r io.Reader) (stream byte, piece []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[4:])
	if head[0] > 3 || length > maxFrame {
		return 0, nil, fmt.Errorf("%q is not the head of a piece of output", head[:])
	}
	piece = make([]byte, length)
	if _, err := io.ReadFull(r, piece); err != nil {
		return 0, nil, fmt.Errorf("a piece of output is cut short: %w", io.ErrUnexpectedEOF)
	}
	if head[0] == 3 {
		return 0, nil, &Error{Status: http.StatusOK, Message: string(piece)}
	}
	return head[0], piece, nil
}
