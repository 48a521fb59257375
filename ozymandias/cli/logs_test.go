package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cli"
)

// That the log of one instance has broken off is said at once, though those of others go on.
func TestOneLogBreaksOff(t *testing.T) {
	said := make(chan struct{})
	run := answering(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/instances" {
			json.NewEncoder(w).Encode(v1.List[v1.Instance]{Items: []v1.Instance{{Name: "web-0", Job: "web", Node: "n1"}, {Name: "web-1", Job: "web", Node: "n2"}}})
			return
		}
		json.NewEncoder(w).Encode(v1.LogLine{Container: "app", Text: "here"})
		http.NewResponseController(w).Flush()
		if r.URL.Path == "/v1/instances/web-1/logs" {
			panic(http.ErrAbortHandler)
		}
		<-said
	})
	ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
	defer done()
	var lines []string
	root := cli.Root()
	root.SetArgs([]string{"--run-dir", run, "logs", "-f", "web"})
	root.SetOut(writer(func([]byte) {}))
	root.SetErr(writer(func(b []byte) {
		lines = append(lines, string(b))
		close(said)
	}))
	var code cmdline.Exit
	if err := root.ExecuteContext(ctx); !errors.As(err, &code) || code != 1 {
		t.Errorf("it ended with %v", err)
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "Error: the log of web-1 broke off: ") {
		t.Errorf("it said %q", lines)
	}
}
