package main

import (
	"io"
	"strings"
	"testing"
)

// What is set wrongly is named, before the API server is looked for.
func TestBadFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nowhere")
	for _, c := range []struct{ flag, want string }{
		{"--log-level=loud", `--log-level "loud": must be debug, info, warn or error`},
		{"--log-format=xml", `--log-format "xml": must be json or text`},
		{"--watch-namespaces=batch,Team A", `--watch-namespaces: "Team A" is no name of a namespace: `},
		{"--watch-namespaces=batch science", `--watch-namespaces: "batch science" is no name of a namespace: `},
		{"--watch-namespaces=batch,", `--watch-namespaces: "" is no name of a namespace: `}, // which would be all of them
		{"--max-blocks=-1", "--max-blocks -1: must be 0 (no bound) or above"},
		{"--concurrency=0", "--concurrency 0: must be at least 1"},
		{"--watch-namespaces=batch,science", "find the API server: "},
	} {
		cmd := command()
		cmd.SetArgs([]string{c.flag})
		cmd.SetOut(io.Discard)
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.flag, err, c.want)
		}
	}
}
