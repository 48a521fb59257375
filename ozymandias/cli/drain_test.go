package cli_test

import (
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cli"
)

// A node that somebody opens again while another waits for it to be empty is not said to be drained.
func TestDrainThatIsTakenBack(t *testing.T) {
	for _, phase := range []v1.NodePhase{v1.Ready, v1.Unfit} {
		run := answering(t, func(w http.ResponseWriter, r *http.Request) {
			switch {
			case r.URL.Path == "/v1/instances":
				json.NewEncoder(w).Encode(v1.List[v1.Instance]{})
			default:
				json.NewEncoder(w).Encode(v1.Node{Name: "n1", Phase: phase, Draining: r.Method == http.MethodPatch})
			}
		})
		root := cli.Root()
		root.SetArgs([]string{"--run-dir", run, "drain", "n1"})
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "node n1 is not drained: somebody has opened it again") {
			t.Errorf("%s: %v", phase, err)
		}
	}
}

// answering is the run directory of a node that answers so.
func answering(t *testing.T, answer http.HandlerFunc) (run string) {
	t.Helper()
	run, err := os.MkdirTemp("", "oz") // short, for the socket's sake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(run) })
	listener, err := net.Listen("unix", filepath.Join(run, "api.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer}
	over := make(chan struct{})
	go func() { defer close(over); server.Serve(listener) }()
	t.Cleanup(func() { server.Close(); <-over })
	return run
}
