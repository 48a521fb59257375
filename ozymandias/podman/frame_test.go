package podman

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// A stream of output is taken apart as it was put together; one that is not what it is taken for is an error, and no end.
func TestReadFrame(t *testing.T) {
	const head = "\x00\x00\x00\x00\x00\x00"
	for text, want := range map[string]string{
		"":                                 "EOF",
		"\x01" + head + "\x02hi":           "1 hi",
		"\x02" + head + "\x00":             "2 ",
		"\x03" + head + "\x03bad":          "podman: bad",
		"\x01" + head + "\x03hi":           "cut short",
		"\x01\x00\x00":                     "unexpected EOF",
		"HTTP/1.1":                         "is not the head",
		"\x01\x00\x00\x00\xff\xff\xff\xff": "is not the head",
	} {
		stream, piece, err := readFrame(strings.NewReader(text))
		got := string('0'+stream) + " " + string(piece)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || err != nil && errors.Is(err, io.EOF) != (text == "") {
			t.Errorf("readFrame(%q): %q, want %q", text, got, want)
		}
	}
}

// Whatever comes is read without more memory than there is a frame for.
func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x02hi"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for r := bytes.NewReader(b); ; {
			stream, piece, err := readFrame(r)
			if err != nil {
				return
			}
			if stream > 2 || len(piece) > len(b) {
				t.Fatalf("stream %d with %d bytes, of %d", stream, len(piece), len(b))
			}
		}
	})
}
