package plain_test

import (
	"strings"
	"testing"

	"teamtask.dev/ozymandias/plain"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		text    string
		longest int
		want    string
	}{
		{"", 0, ""},
		{"all is well: 100 %, größer, 世界", 100, "all is well: 100 %, größer, 世界"},
		{"\x1b[2J\x1b]0;root\adone", 100, " [2J ]0;root done"},
		{"two\r\nlines\tand\u2028more", 100, "two  lines and more"},
		{"turned \u202eround", 100, "turned  round"},         // a bidirectional override
		{"\x9b31m and \u009b31m", 100, "\ufffd31m and  31m"}, // CSI in eight bits, and in UTF-8
		{"größer", 6, "größer"},
		{"größer", 5, "größe…"},
		{"\xff" + strings.Repeat("x", 1<<20), 4, "\ufffdxxx…"},
	} {
		if got := plain.Line(c.text, c.longest); got != c.want {
			t.Errorf("Line(%.40q, %d) = %q, want %q", c.text, c.longest, got, c.want)
		}
	}
}
