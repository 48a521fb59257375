package jobfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"teamtask.dev/ozymandias/job"
)

// MaxSize is how long a file may be, in bytes: a job has to fit into a request to etcd, which takes 1.5 MiB.
const MaxSize = 1 << 20

// Parse reads the jobs of a file, whose name is only for what is said about it. The jobs are complete and valid: they went through
// [job.Job.Default] and [job.Job.Validate]. Otherwise the error is [Faults], with all that is wrong, by line; or r's, if reading failed.
//
// A compose file may say what compose has no words for: a service under x-ozymandias has a job's ingress, priority, worklist, swarm, sidecars, update,
// placement and on_partition, and a container's healthcheck and secrets; a volume has type and space.
//
//	services:
//	  web:
//	    image: shop
//	    x-ozymandias: {ingress: {host: shop.example, port: 3000}}
//	volumes:
//	  data: {x-ozymandias: {space: 20G}}
func Parse(name string, r io.Reader) ([]job.Job, []Warning, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", name, err)
	}
	report := &report{file: name}
	var jobs []job.Job
	if len(b) > MaxSize {
		report.fault(spot{}, "", "is longer than %s: split it, or put data into a volume or the image", job.Size(MaxSize))
	} else {
		jobs = parse(b, report)
	}
	warnings, err := report.result()
	if err != nil {
		return nil, warnings, err
	}
	return jobs, warnings, nil
}

// parse reads one document after the other, until one cannot be taken apart.
func parse(b []byte, r *report) []job.Job {
	var jobs []job.Job
	lines := map[string]int{} // where each job was first named
	add := func(j job.Job, at spot) {
		if line, twice := lines[j.Name]; twice && j.Name != "" {
			r.fault(at, "name", "there is a job %q on line %d already: name it differently, or remove one", j.Name, line)
			return
		}
		lines[j.Name] = at.line
		jobs = append(jobs, j)
	}
	documents := yaml.NewDecoder(bytes.NewReader(yamlFromJSON(b)))
	for {
		var document yaml.Node
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.syntax(err, b)
			return nil
		}
		root := document.Content[0]
		if where, fault := measure(root); fault != "" {
			r.fault(at(where), "", "%s", fault)
			continue
		}
		switch {
		case root.Kind == yaml.ScalarNode && root.Tag == "!!null":
		case root.Kind != yaml.MappingNode:
			r.fault(at(root), "", "is %s: a job is a map that begins with its name, as in `name: simple-webapp`", kindOf(root))
		case isCompose(root):
			readCompose(root, r, add)
		default:
			d := &decoder{report: r, fields: fields{}}
			d.fields.add("", root, root)
			var j job.Job
			d.decode(root, reflect.ValueOf(&j).Elem(), "")
			j = j.Default()
			d.validate(j)
			add(j, d.fields.find("name"))
		}
	}
	if len(jobs) == 0 && len(r.faults) == 0 {
		r.fault(spot{}, "", "has no job: write one, beginning with its name and containers")
	}
	return jobs
}

// syntaxError is how the YAML parser says where it stopped.
var syntaxError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// syntax reports what is no YAML at all.
func (r *report) syntax(err error, b []byte) {
	message := strings.ReplaceAll(err.Error(), "\n", " ")
	var where spot
	if m := syntaxError.FindStringSubmatch(message); m != nil {
		where.line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	if line := indentedByTab(b); line > 0 && strings.Contains(message, "cannot start any token") {
		r.fault(spot{line, 1}, "", "is indented by a tab: YAML takes blanks only")
		return
	}
	r.fault(where, "", "is no YAML: %s", message)
}

// indentedByTab finds the first line whose indentation has a tab, 0 if there is none. It is asked only when the parser met
// something it cannot take: between brackets, and so in JSON, tabs are fine.
func indentedByTab(b []byte) int {
	n := 0
	for line := range bytes.Lines(b) {
		n++
		indentation := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if bytes.ContainsRune(indentation, '\t') && len(bytes.TrimSpace(line)) > 0 {
			return n
		}
	}
	return 0
}
