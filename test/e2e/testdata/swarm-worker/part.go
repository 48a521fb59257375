package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"

	"sigs.k8s.io/yaml"
)

// config is what stands in config.yml: each worker's part, and the version of the whole.
type config struct {
	Workloads map[string]part `json:"workloads"`
	Version   int64           `json:"version"`
}

type part struct {
	Jobs    []string `json:"jobs"`
	Version int64    `json:"version"`
}

// read runs what the file says, if it says something new.
func (w *worker) read(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if string(text) == w.text {
		return nil
	}
	var c config
	if err := yaml.Unmarshal(text, &c); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	p := part{Jobs: c.Workloads[w.name].Jobs, Version: c.Version}
	if err := w.run(p.Jobs); err != nil {
		return err
	}
	w.text = string(text)
	w.runs.Store(&p)
	return nil
}

func (w *worker) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /internal/health", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("GET /internal/version", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		json.NewEncoder(rw).Encode(w.runs.Load())
	})
	return mux
}
