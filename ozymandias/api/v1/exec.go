package v1

import (
	"encoding/binary"
	"fmt"
	"io"
)

// A command in a container is run by a connection that is upgraded (RFC 9110, section 7.8) to ExecProtocol. Then it carries frames in both
// directions: a byte for the stream, the length in four bytes with the highest first, and the piece itself.
const ExecProtocol = "ozymandias-exec"

// The streams of a command.
const (
	Stdin  byte = 0 // to the command; an empty piece ends it
	Stdout byte = 1
	Stderr byte = 2
	Resize byte = 3 // to the command's terminal: a TerminalSize
	Ended  byte = 4 // the last that comes: an ExecEnd
)

// TerminalSize is that of a terminal, in characters.
type TerminalSize struct {
	Rows    int `json:"rows"`
	Columns int `json:"columns"`
}

// ExecEnd is how a command ended, or why it could not be run.
type ExecEnd struct {
	Code    int      `json:"code"`
	Problem *Problem `json:"problem,omitempty"`
}

// maxPiece is the longest piece: anything longer means that the stream is not what it is taken for.
const maxPiece = 1 << 20

// WriteFrame writes a piece of a stream, of at most 1 MiB, in one call.
func WriteFrame(w io.Writer, stream byte, piece []byte) error {
	frame := make([]byte, 5, 5+len(piece))
	frame[0] = stream
	binary.BigEndian.PutUint32(frame[1:], uint32(len(piece)))
	_, err := w.Write(append(frame, piece...))
	return err
}

// ReadFrame reads a piece and which stream it is of. The error is io.EOF if there is none.
func ReadFrame(r io.Reader) (stream byte, piece []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[1:])
	if head[0] > Ended || length > maxPiece {
		return 0, nil, fmt.Errorf("%q is not the head of a piece of a stream", head[:])
	}
	piece = make([]byte, length)
	if _, err := io.ReadFull(r, piece); err != nil {
		return 0, nil, fmt.Errorf("a piece of a stream is cut short: %w", io.ErrUnexpectedEOF)
	}
	return head[0], piece, nil
}
