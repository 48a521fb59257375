package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cli"
	"teamtask.dev/ozymandias/client"
)

// A node that somebody opens again while another waits for it to be empty is not said to be drained.
func TestDrainThatIsTakenBack(t *testing.T) {
	for _, phase := range []v1.NodePhase{v1.Ready, v1.Unfit} {
		run := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/v1/instances" {
				json.NewEncoder(w).Encode(v1.List[v1.Instance]{})
				return
			}
			json.NewEncoder(w).Encode(v1.Node{Name: "n1", Phase: phase, Draining: r.Method == http.MethodPatch})
		})
		root := cli.Root()
		root.SetArgs([]string{"--run-dir", run, "drain", "n1"})
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "node n1 is not drained: somebody has opened it again") {
			t.Errorf("%s: %v", phase, err)
		}
	}
}

// What waits for something to change does not wait for a machine that has died meanwhile, of which nothing is heard.
func TestSilence(t *testing.T) {
	var commands sync.WaitGroup
	for _, command := range []string{"drain n1", "rollout status web", "get nodes --watch"} {
		var asked sync.Map
		run := answering(t, func(w http.ResponseWriter, r *http.Request) {
			if _, before := asked.LoadOrStore(r.Method+r.URL.Path, true); before {
				<-r.Context().Done()
				return
			}
			answers := map[string]any{
				"/v1/instances": v1.List[v1.Instance]{Items: []v1.Instance{{Name: "web-0"}}},
				"/v1/jobs/web":  v1.Job{Name: "web", Status: v1.JobStatus{Phase: v1.Deploying}},
				"/v1/nodes":     v1.List[v1.Node]{Items: []v1.Node{{Name: "n1", Phase: v1.Ready}}},
				"/v1/nodes/n1":  v1.Node{Name: "n1", Phase: v1.Draining, Draining: true},
			}
			json.NewEncoder(w).Encode(answers[r.URL.Path])
		})
		commands.Go(func() {
			ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
			defer done()
			root := cli.Root()
			root.SetArgs(append([]string{"--run-dir", run}, strings.Fields(command)...))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			if err := root.ExecuteContext(ctx); ctx.Err() != nil || err == nil || !strings.Contains(err.Error(), "there is no answer within 15s") {
				t.Errorf("%s: %v", command, err)
			}
		})
	}
	mute, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	commands.Go(func() {
		ctx, done := context.WithTimeout(t.Context(), 3*time.Minute)
		defer done()
		root := cli.Root()
		root.SetArgs([]string{"--server", "https://" + mute.Addr().String(), "get", "nodes"})
		if err := root.ExecuteContext(ctx); ctx.Err() != nil || !errors.As(err, new(*client.UnreachedError)) {
			t.Errorf("a node that does not show itself: %v", err)
		}
	})
	commands.Wait()
}

// answering is the run directory of a node that answers so.
func answering(t *testing.T, answer http.HandlerFunc) (run string) {
	t.Helper()
	return apitest.Listen(t, &http.Server{Handler: answer})
}
