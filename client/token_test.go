package client_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"teamtask.dev/client"
)

// A token in a file is the one that is there when a call is made: the kubelet puts another file behind the link, and so the client
// outlives the token that it began with.
func TestTokenFile(t *testing.T) {
	var shown string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown = r.Header.Get("Authorization")
		w.Write([]byte(`{}`))
	}))
	defer s.Close()
	dir := t.TempDir()
	mount := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(dir, "link")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(link, filepath.Join(dir, "token")); err != nil {
			t.Fatal(err)
		}
	}
	c := client.New(s.URL, "not this one")
	defer c.Close()
	c.Patience, c.TokenFile = -1, filepath.Join(dir, "token")
	for _, token := range []string{"first", "second"} {
		mount(token+".txt", token+"\n")
		if _, err := c.Get(t.Context(), "primes"); err != nil || shown != "Bearer "+token {
			t.Errorf("%q was shown, %v; want %s", shown, err, token)
		}
	}
	shown = ""
	mount("empty.txt", "\n")
	if _, err := c.Get(t.Context(), "primes"); err == nil || !strings.Contains(err.Error(), "token is empty") || shown != "" {
		t.Errorf("%q was shown, %v", shown, err)
	}
	if err := os.Remove(c.TokenFile); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "primes"); err == nil || !strings.Contains(err.Error(), "no such file") || shown != "" {
		t.Errorf("%q was shown, %v", shown, err)
	}
}
