package client_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"teamtask.dev/ozymandias/client"
)

// What a node warns of is told, whatever else the answer says. What is no warning is not.
func TestWarn(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for _, header := range []string{`299 - "etcd is \"away\""`, `299 n1 "it is late"`, `299 - unquoted`, `299`, ``} {
			w.Header().Add("Warning", header)
		}
		w.Write([]byte(`{"items": [{"name": "n1"}]}`))
	}))
	defer server.Close()
	c, err := client.Remote(server.URL, server.Client().Transport.(*http.Transport).TLSClientConfig)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Nodes(t.Context()); err != nil { // nobody listens
		t.Fatal(err)
	}
	var warned []string
	c.Warn = func(text string) { warned = append(warned, text) }
	nodes, err := c.Nodes(t.Context())
	if err != nil || len(nodes) != 1 || nodes[0].Name != "n1" {
		t.Errorf("%+v, %v", nodes, err)
	}
	if want := []string{`etcd is "away"`, "it is late"}; !slices.Equal(warned, want) {
		t.Errorf("%q is told, want %q", warned, want)
	}
}
