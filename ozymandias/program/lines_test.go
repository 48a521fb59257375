package program_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/program"
)

// What a program writes is logged by lines, however it comes in; very long ones in pieces.
func TestLines(t *testing.T) {
	var out strings.Builder
	plain := func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: plain}))
	lines := &program.Lines{Log: log, Name: "coredns", Bad: func(line []byte) bool { return bytes.HasPrefix(line, []byte("[ERROR]")) }}
	for _, written := range []string{"one\ntw", "o", "\n\n  \r\n[ERROR] three\nfour", strings.Repeat("x", 5000) + "\n"} {
		if n, err := fmt.Fprint(lines, written); n != len(written) || err != nil {
			t.Errorf("Write() = %d, %v", n, err)
		}
	}
	long := "four" + strings.Repeat("x", 5000)
	want := []string{"level=DEBUG msg=one program=coredns", "level=DEBUG msg=two program=coredns", `level=WARN msg="[ERROR] three" program=coredns`,
		"level=DEBUG msg=" + long[:4096] + " program=coredns", "level=DEBUG msg=" + long[4096:] + " program=coredns", ""}
	if got := out.String(); got != strings.Join(want, "\n") {
		t.Errorf("logged:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}
