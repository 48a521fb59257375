package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"teamtask.dev/api/v1alpha1"
)

// partFormats are the formats of the file that has a worker's part.
var partFormats = map[string]func(*v1alpha1.AssignmentSpec) ([]byte, error){
	"json":  jsonPart,
	"yaml":  yamlPart,
	"lines": linesPart,
}

// formatOf is the format that a file's name asks for.
func formatOf(file string) string {
	switch strings.ToLower(filepath.Ext(file)) {
	case ".json":
		return "json"
	case ".yaml", ".yml":
		return "yaml"
	}
	return "lines"
}

// sheet is a part as programs read it in JSON. Nothing is left out: no workloads are an empty list.
type sheet struct {
	Swarm       string           `json:"swarm"`
	Worker      string           `json:"worker"`
	Incarnation string           `json:"incarnation"`
	Version     int64            `json:"version"`
	Workloads   []v1alpha1.Grant `json:"workloads"`
}

func sheetOf(p *v1alpha1.AssignmentSpec) sheet {
	return sheet{p.Swarm, p.Worker, p.Incarnation, p.Version, append([]v1alpha1.Grant{}, p.Workloads...)}
}

func jsonPart(p *v1alpha1.AssignmentSpec) ([]byte, error) {
	text, err := json.MarshalIndent(sheetOf(p), "", "  ")
	return append(text, '\n'), err
}

// yamlPart is key for key what k8s-swarm has in config.yml, for one worker.
func yamlPart(p *v1alpha1.AssignmentSpec) ([]byte, error) {
	published := v1alpha1.Published{Version: p.Version, Workloads: map[string]*v1alpha1.PublishedPart{p.Worker: {Jobs: namesOf(p), Version: p.Version}}}
	return []byte(published.String()), nil
}

func linesPart(p *v1alpha1.AssignmentSpec) ([]byte, error) {
	var b strings.Builder
	for _, name := range namesOf(p) {
		b.WriteString(name + "\n")
	}
	return []byte(b.String()), nil
}

func namesOf(p *v1alpha1.AssignmentSpec) []string {
	names := make([]string, len(p.Workloads))
	for i, g := range p.Workloads {
		names[i] = g.Name
	}
	return names
}

// partFile is a file that has a worker's part.
type partFile struct {
	path   string // "": there is none
	format func(*v1alpha1.AssignmentSpec) ([]byte, error)
}

// write replaces the file at once: whoever reads it sees the old part or the new one.
func (f partFile) write(p *v1alpha1.AssignmentSpec) (err error) {
	if f.path == "" {
		return nil
	}
	text, err := f.format(p)
	if err != nil {
		return fmt.Errorf("write the part: %w", err)
	}
	next, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+"-")
	if err != nil {
		return fmt.Errorf("write the part: %w", err)
	}
	defer func() {
		next.Close()
		if err != nil {
			os.Remove(next.Name())
			err = fmt.Errorf("write the part to %s: %w", f.path, err)
		}
	}()
	if _, err := next.Write(text); err != nil {
		return err
	}
	if err := next.Chmod(0o644); err != nil { // the program may be somebody else's
		return err
	}
	if err := next.Close(); err != nil {
		return err
	}
	return os.Rename(next.Name(), f.path)
}
