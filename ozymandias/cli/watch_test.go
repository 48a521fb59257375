package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cli"
)

// What has not changed is shown once: events also when those before them are not kept any more, jobs and certificates also when another one
// has the same name.
func TestWatchShowsOnce(t *testing.T) {
	var watching sync.WaitGroup
	for kind, c := range map[string]struct {
		answers [2]any // to the first question, and to those after it
		want    int    // lines, with the header
	}{
		"events": {[2]any{
			v1.List[v1.Event]{Items: []v1.Event{{Version: 1, Text: "a"}, {Version: 2, Text: "b"}, {Version: 2, Text: "c"}, {Version: 3, Text: "d"}}},
			v1.List[v1.Event]{Items: []v1.Event{{Version: 2, Text: "b"}, {Version: 2, Text: "c"}, {Version: 3, Text: "d"}, {Version: 4, Text: "e"}}},
		}, 6},
		"jobs": {[2]any{
			v1.List[v1.Job]{Items: []v1.Job{{Name: "web", UID: "1", Revision: 4}}},
			v1.List[v1.Job]{Items: []v1.Job{{Name: "web", UID: "1", Revision: 4}, {Name: "web", UID: "2", Revision: 1}}},
		}, 3},
		"certificates": {[2]any{
			v1.List[v1.Certificate]{Items: []v1.Certificate{{Name: "ann", Serial: "1"}}},
			v1.List[v1.Certificate]{Items: []v1.Certificate{{Name: "ann", Serial: "1"}, {Name: "ann", Serial: "2", Ends: time.Unix(1e9, 0)}}},
		}, 3},
	} {
		ctx, enough := context.WithTimeout(t.Context(), 3*time.Minute)
		asked := 0
		run := answering(t, func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(c.answers[min(asked, 1)])
			if asked++; asked == 4 {
				enough()
			}
		})
		watching.Go(func() {
			defer enough()
			var out bytes.Buffer
			root := cli.Root()
			root.SetArgs([]string{"--run-dir", run, "get", kind, "--watch"})
			root.SetOut(&out)
			if err := root.ExecuteContext(ctx); ctx.Err() == nil || asked < 4 {
				t.Errorf("%s: %v", kind, err)
			}
			if lines := strings.Count(out.String(), "\n"); lines != c.want {
				t.Errorf("%s: %d lines, not %d:\n%s", kind, lines, c.want, out.String())
			}
		})
	}
	watching.Wait()
}
