package spelling_test

import (
	"strings"
	"testing"

	"teamtask.dev/ozymandias/spelling"
)

func TestClosest(t *testing.T) {
	words := []string{"depends_on", "envoy", "image", "memory", "user"}
	for word, want := range map[string]string{
		"dependsOn": "depends_on", "depends-on": "depends_on", "dependson": "depends_on", "dpendson": "depends_on", // as others write it
		"envoi": "envoy", "Envoy": "envoy", "evoy": "envoy", "imge": "image", "memmory": "memory", "users": "user", // a letter or so
		"envelope": "", "redis": "", "mem": "", "use_r_s": "user", "": "", strings.Repeat("x", 1<<20): "", // something else
	} {
		if got := spelling.Closest(word, words); got != want {
			t.Errorf("%.20q: %q; want %q", word, got, want)
		}
	}
	if got := spelling.Closest("envoy", nil); got != "" {
		t.Errorf("of no words %q is like it", got)
	}
}
