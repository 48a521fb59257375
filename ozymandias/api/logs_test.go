package api_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"

	"teamtask.dev/ozymandias/api"
	"teamtask.dev/ozymandias/api/apitest"
	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/client"
	"teamtask.dev/ozymandias/podman"
)

// Whoever follows a log is told that there is more of it than came, if the node ends.
func TestLogOfANodeThatEnds(t *testing.T) {
	node, end := context.WithCancel(t.Context())
	defer end()
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), BaseContext: func(net.Listener) context.Context { return node },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			api.Send(w, r, map[string]api.Log{"app": func(yield func(podman.Line, error) bool) {
				if yield(podman.Line{Text: "here"}, nil) {
					<-r.Context().Done()
				}
			}})
		})}
	asking := client.Local(apitest.Listen(t, server))
	defer asking.Close()
	var lines []v1.LogLine
	for line, err := range asking.Logs(t.Context(), "web-0", client.Log{Follow: true}) {
		if err != nil {
			if len(lines) != 1 || !strings.Contains(err.Error(), "the log of web-0 broke off") {
				t.Errorf("after %v: %v", lines, err)
			}
			return
		}
		lines = append(lines, line)
		end()
	}
	t.Errorf("%v look like all there is", lines)
}
