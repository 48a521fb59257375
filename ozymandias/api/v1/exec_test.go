package v1_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/api/v1"
)

// Frames come out as they went in, and what is none is noticed.
func TestFrames(t *testing.T) {
	var stream bytes.Buffer
	for i, piece := range []string{"hello", "", strings.Repeat("x", 70_000)} {
		if err := v1.WriteFrame(&stream, byte(i), []byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	whole := stream.Bytes()
	for i, want := range []string{"hello", "", strings.Repeat("x", 70_000)} {
		number, piece, err := v1.ReadFrame(&stream)
		if err != nil || int(number) != i || string(piece) != want {
			t.Errorf("piece %d: %d, %d bytes, %v", i, number, len(piece), err)
		}
	}
	if _, _, err := v1.ReadFrame(&stream); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	if _, _, err := v1.ReadFrame(bytes.NewReader(whole[:7])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut short: %v", err)
	}
	for _, bad := range []string{"HTTP/1.1 200 OK", "\x01\xff\xff\xff\xff"} {
		if _, _, err := v1.ReadFrame(strings.NewReader(bad)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
