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
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"teamtask.dev/ozymandias/job"
)

// MaxSize is how long a file may be, in bytes: a job has to fit into a request to etcd, which takes 1.5 MiB.
const MaxSize = 1 << 20

// File is what a file says.
type File struct {
	Jobs     []job.Job
	Warnings []Warning

	places []place // by job
}

// place says of a fault of a job where in the file it is.
type place func(job.Fault) Fault

// At are faults of Jobs[i] that only somebody finds who knows more than the file, at their places in it.
func (f *File) At(i int, found []job.Fault) Faults {
	var faults Faults
	for _, fault := range found {
		faults = append(faults, f.places[i](fault))
	}
	return faults
}

// Parse reads the jobs of a file, as [Read] does.
func Parse(name string, r io.Reader) ([]job.Job, []Warning, error) {
	f, err := Read(name, r)
	return f.Jobs, f.Warnings, err
}

// Read reads a file, whose name is only for what is said about it. The jobs are complete and valid: they went through
// [job.Job.Default] and [job.Job.Validate]. Otherwise there are none, and the error is [Faults], with all that is wrong, by line; or r's, if
// reading failed.
//
// A compose file may say what compose has no words for: a service under x-ozymandias has a job's ingress, priority, worklist, swarm, sidecars, update,
// placement and on_partition, and a container's healthcheck and secrets; a volume has type, space and sticky.
//
//	services:
//	  web:
//	    image: shop
//	    x-ozymandias: {ingress: {host: shop.example, port: 3000}}
//	volumes:
//	  data: {x-ozymandias: {space: 20G}}
func Read(name string, r io.Reader) (*File, error) {
	f := &File{}
	b, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return f, fmt.Errorf("reading %s: %w", name, err)
	}
	report := &report{file: name}
	if len(b) > MaxSize {
		report.fault(spot{}, "", "is longer than %s: split it, or put data into a volume or the image", job.Size(MaxSize))
	} else {
		f.parse(b, report)
	}
	if f.Warnings, err = report.result(); err != nil {
		f.Jobs = nil
	}
	return f, err
}

// parse reads one document after the other, until one cannot be taken apart.
func (f *File) parse(b []byte, r *report) {
	lines := map[string]int{} // where each job was first named
	add := func(j job.Job, at spot, p place) {
		if line, twice := lines[j.Name]; twice && j.Name != "" {
			r.fault(at, "name", "there is a job %q on line %d already: name it differently, or remove one", j.Name, line)
			return
		}
		lines[j.Name] = at.line
		f.Jobs, f.places = append(f.Jobs, j), append(f.places, p)
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
			return
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
		case isManifest(root):
			r.fault(at(root), "", "is a manifest of Kubernetes: a job file has a name and containers, or is what docker compose takes")
		case isCompose(root):
			readCompose(root, r, add)
		default:
			d := &decoder{report: r, fields: fields{}}
			d.fields.add("", root, root)
			var j job.Job
			d.decode(root, reflect.ValueOf(&j).Elem(), "")
			j = j.Default()
			d.validate(j)
			add(j, d.fields.find("name"), d.place)
		}
	}
	if len(f.Jobs) == 0 && len(r.faults) == 0 {
		r.fault(spot{}, "", "has no job: write one, beginning with its name and containers")
	}
}

// syntaxError is how the YAML parser says where it stopped.
var syntaxError = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)

// unknownAlias is how it says which it was, though not where.
var unknownAlias = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)

// unreadable is how it says that something is no text, without where; fromZero what it says with a line that it counts from 0.
var (
	unreadable = regexp.MustCompile(`UTF-8|Unicode|^control characters`)
	fromZero   = regexp.MustCompile(`^did not find expected (<|node content|key|'-' indicator|',' or )`)
)

// firstUnreadable is where the first thing is that is no text.
func firstUnreadable(b []byte) spot {
	at := spot{1, 0}
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		at.column++
		switch {
		case r == '\n':
			at = spot{at.line + 1, 0}
		case r == utf8.RuneError && size == 1, unicode.IsControl(r) && r != '\t' && r != '\r':
			return at
		}
		b = b[size:]
	}
	return spot{}
}

// find is where a text is first met, or nowhere.
func find(b []byte, text string) spot {
	n := 0
	for line := range bytes.Lines(b) {
		n++
		if before, _, ok := bytes.Cut(line, []byte(text)); ok {
			return spot{n, utf8.RuneCount(before) + 1}
		}
	}
	return spot{}
}

// syntax reports what is no YAML at all.
func (r *report) syntax(err error, b []byte) {
	message := strings.ReplaceAll(err.Error(), "\n", " ")
	var where spot
	if m := syntaxError.FindStringSubmatch(message); m != nil {
		where.line, _ = strconv.Atoi(m[1])
		message = m[2]
	}
	if m := unknownAlias.FindStringSubmatch(message); m != nil {
		r.fault(find(b, "*"+m[1]), "", "is no YAML: there is no anchor &%s before this", m[1])
		return
	}
	switch {
	case unreadable.MatchString(message):
		where = firstUnreadable(b)
	case fromZero.MatchString(message) || where.line == 0: // line 1 is not said otherwise
		where.line++
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
