package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
		if code := get(t, app.URL+"/healthcheck"); code != http.StatusOK {
			t.Errorf("health: %d", code)
		}
		db.Close()
		if code := get(t, app.URL+"/healthcheck"); code != http.StatusServiceUnavailable {
			t.Errorf("health without a database: %d", code)
		}
		app.Close()
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
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
