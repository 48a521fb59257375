package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"teamtask.dev/ozymandias/jobfile"
)

func TestApplication(t *testing.T) {
	t.Setenv("OZYMANDIAS_JOB", "simple-webapp")
	t.Setenv("OZYMANDIAS_INSTANCE", "2")
	file := filepath.Join(t.TempDir(), "count")
	for asked := int64(1); asked <= 2; asked++ { // the count outlives the database
		db := httptest.NewServer(&counter{file: file})
		app := httptest.NewServer(application(db.URL))
		response, err := http.Get(app.URL)
		if err != nil {
			t.Fatal(err)
		}
		var a answer
		if err := json.NewDecoder(response.Body).Decode(&a); err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if want := (answer{Job: "simple-webapp", Instance: "2", Version: "1", Asked: asked}); a != want {
			t.Errorf("answered %+v, not %+v", a, want)
		}
		if c := code(t, app.URL+"/healthcheck"); c != http.StatusOK {
			t.Errorf("health: %d", c)
		}
		db.Close()
		if c := code(t, app.URL+"/healthcheck"); c != http.StatusServiceUnavailable {
			t.Errorf("health without a database: %d", c)
		}
		app.Close()
	}
}

func code(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// What fails is counted, and why is told.
func TestLoad(t *testing.T) {
	var n atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "site.example" {
			t.Errorf("asked for %s", r.Host)
		}
		switch n.Add(1) {
		case 3:
			w.WriteHeader(http.StatusBadGateway)
		case 10:
			cancel()
		}
	}))
	defer site.Close()
	address := site.Listener.Addr().String()
	var out strings.Builder
	err := load(ctx, "site.example", []string{address}, &out)
	if err == nil || !strings.Contains(out.String(), "1 failed: "+address+": 502 Bad Gateway") || !strings.HasSuffix(out.String(), fmt.Sprintf("%d requests, 1 failed\n", n.Load())) {
		t.Errorf("%v:\n%s", err, out.String())
	}
}

func TestJobFile(t *testing.T) {
	file, err := os.Open("simple-webapp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, warnings, err := jobfile.Parse("simple-webapp.yaml", file); err != nil || len(warnings) > 0 {
		t.Error(warnings, err)
	}
}
