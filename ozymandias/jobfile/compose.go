package jobfile

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"teamtask.dev/ozymandias/job"
)

// compose is one compose file on its way to become jobs.
type compose struct {
	report *report
	// decoder walks the file's nodes, and reads what stands under x-ozymandias.
	decoder *decoder
	// fields are those of the compose file.
	fields fields
	// project is what compose-go makes of the file.
	project *types.Project
	// extensions of services and volumes, by path.
	extensions map[string]*yaml.Node
	// failed has the paths of what could not be read of them, zeros those of what is 0.
	failed unread
	zeros  []string
}

// isCompose tells whether a document is a compose file: it has services. A job file may have that word nowhere.
func isCompose(root *yaml.Node) bool {
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "services" {
			return true
		}
	}
	return false
}

// isManifest tells whether a document is one of Kubernetes'.
func isManifest(root *yaml.Node) bool {
	said := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		said[root.Content[i].Value] = true
	}
	return said["apiVersion"] && said["kind"]
}

// readCompose adds a job for each service.
func readCompose(root *yaml.Node, r *report, add func(job.Job, spot, place)) {
	c := &compose{report: r, fields: fields{}, extensions: map[string]*yaml.Node{}}
	c.decoder = &decoder{report: r, fields: c.fields}
	before := len(r.faults)
	c.fields.add("", root, root)
	if n := oddName(root); n != nil {
		r.fault(at(n), "", "is %s where the name of a field must be", kindOf(resolved(n)))
		return
	}
	c.interpolate(root, "")
	services := c.survey(root)
	if len(r.faults) > before {
		return // compose-go would say some of it again
	}
	if !c.load(root, services) {
		return
	}
	c.checkVolumes()
	for _, name := range services {
		service, enabled := c.project.Services[name]
		if !enabled {
			if disabled, ok := c.project.DisabledServices[name]; ok {
				c.warn("services."+name+".profiles", "ignored with the whole service: it is started only with profile %s", strings.Join(disabled.Profiles, " or "))
			}
			continue
		}
		j := c.service(service).Default()
		c.validate(j)
		add(j, c.fields.find("services."+name), func(f job.Fault) Fault { return c.place(name, f) })
	}
}

// oddName finds a list or map that stands where the name of a field must be, which YAML allows and compose-go cannot take; nil if there
// is none.
func oddName(n *yaml.Node) *yaml.Node {
	n = resolved(n)
	for i, inner := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && resolved(inner).Kind != yaml.ScalarNode {
			return inner
		}
		if odd := oddName(inner); odd != nil {
			return odd
		}
	}
	return nil
}

func (c *compose) warn(path, format string, args ...any) {
	c.report.warn(c.fields.find(path), path, format, args...)
}

func (c *compose) fault(path, format string, args ...any) {
	c.report.fault(c.fields.find(path), path, format, args...)
}

// validate reports what package job has against the job of a service.
func (c *compose) validate(j job.Job) {
	for _, f := range slices.Concat(j.Validate(), j.Reserved()) {
		if f.Path == "containers."+j.Name {
			continue // its name is the job's, of which this has been said
		}
		if fault := c.place(j.Name, f); !c.failed.explain(fault.Path) {
			c.report.add(fault)
		}
	}
	for _, path := range c.zeros {
		if rest, own := strings.CutPrefix(path, join("services."+j.Name, extended)+"."); own {
			if wrong := cmp.Or(zero(j, rest, c.failed), zero(j, "containers."+j.Name+"."+rest, c.failed)); wrong != "" {
				c.fault(path, "%s", wrong)
			}
		}
	}
}

// place says where a fault of a service's job is: at the word of the service or its extension that it comes from.
func (c *compose) place(name string, f job.Fault) Fault {
	service := "services." + name
	rest := strings.TrimPrefix(strings.TrimPrefix(f.Path, "containers."+name), ".")
	word, _, _ := strings.Cut(rest, ".")
	word, _, _ = strings.Cut(word, "[")
	path := join(service, rest)
	if extension := join(service, extended); c.known(join(extension, word)) {
		path = join(extension, rest)
	} else if ports := join(service, "ports"); word == "ingress" && c.known(ports) {
		path = ports // what is published leads in
	} else if !c.known(path) {
		path, f.Message = service, rest+" "+f.Message
	}
	return Fault{c.report.place(c.fields.find(path), path), f.Message}
}

func (c *compose) known(path string) bool {
	_, known := c.fields[path]
	return known
}

// survey notes where everything stands, says what is ignored and what is refused, and returns the services in the order of the
// file.
func (c *compose) survey(root *yaml.Node) (services []string) {
	c.each(root, "", func(key, value *yaml.Node, name string) {
		switch name {
		case "services":
			if n := resolved(value); n.Kind != yaml.MappingNode || len(n.Content) == 0 {
				c.fault(name, "must be a map that has a service")
			}
			c.each(value, name, func(key, value *yaml.Node, service string) {
				services = append(services, service)
				path := join(name, service)
				c.each(value, path, func(key, value *yaml.Node, word string) { c.word(key, value, path, word) })
			})
		case "volumes", "secrets":
			c.each(value, name, func(_, value *yaml.Node, item string) {
				c.each(value, join(name, item), func(_, value *yaml.Node, word string) {
					switch {
					case word == extended:
						c.extensions[join(name, item)] = value
					case word == "external" && resolved(value).Kind == yaml.MappingNode:
						c.fault(join(join(name, item), word), "is a map, which compose no longer has: write external: true, and name beside it")
					}
				})
			})
		case "networks":
			c.warn(name, "ignored: %s", ignored[name])
		case "name":
			c.warn(name, "ignored: jobs are named after services, whatever file they come from")
		case "include":
			c.fault(name, "is not supported: %s", writtenOut)
		case "jobs", "models":
			c.fault(name, "is not supported: write services")
		}
	})
	return services
}

// each calls f with what a map has, and notes where that is; of anything else compose-go will say that it is no map.
func (c *compose) each(n *yaml.Node, path string, f func(key, value *yaml.Node, name string)) {
	if n = resolved(n); n.Kind != yaml.MappingNode {
		return
	}
	c.decoder.pairs(n, path, func(key, value *yaml.Node, name string) {
		c.locate(key, value, join(path, name))
		f(key, value, name)
	})
}

// locate notes where a field and all within it stand.
func (c *compose) locate(key, value *yaml.Node, path string) {
	c.fields.add(path, key, value)
	switch value = resolved(value); value.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(value.Content); i += 2 {
			c.locate(value.Content[i], value.Content[i+1], join(path, value.Content[i].Value))
		}
	case yaml.SequenceNode:
		for i, item := range value.Content {
			c.locate(item, item, fmt.Sprintf("%s[%d]", path, i))
		}
	}
}

// word looks at one word of a service.
func (c *compose) word(key, value *yaml.Node, path, word string) {
	usual, some := harmless[word]
	if value = resolved(value); some && value.Kind == yaml.ScalarNode && value.Value == usual {
		return
	}
	if word == extended {
		c.extensions[path] = value
	} else if word == "healthcheck" {
		c.checkTest(value, join(path, word))
	} else if why, ok := ignored[word]; ok {
		c.warn(join(path, word), "ignored: %s", why)
	} else if why, ok := refused[word]; ok {
		c.fault(join(path, word), "is not supported: %s", why)
	}
}

// checkTest looks at the test of a healthcheck, of which compose-go does not say whose it is.
func (c *compose) checkTest(healthcheck *yaml.Node, path string) {
	c.each(healthcheck, path, func(key, value *yaml.Node, word string) {
		test := resolved(value)
		if word != "test" || test.Kind != yaml.SequenceNode || len(test.Content) == 0 {
			return
		}
		how, words := resolved(test.Content[0]).Value, len(test.Content)
		if !(how == "NONE" || how == "CMD" && words > 1 || how == "CMD-SHELL" && words == 2) {
			c.fault(join(path, word), "is no test: write [CMD, PROGRAM, ...], [CMD-SHELL, TEXT], or text for a shell")
		}
	})
}

// extended is the word under which a compose file says what compose has no words for.
const extended = "x-ozymandias"

// extension reads what stands under x-ozymandias of a service or a volume.
func (c *compose) extension(path string, into any) {
	n, ok := c.extensions[path]
	if !ok {
		return
	}
	d := &decoder{report: c.report, fields: fields{}, prefix: join(path, extended)}
	d.decode(n, reflect.ValueOf(into).Elem(), "")
	for _, path := range d.failed {
		c.failed = append(c.failed, join(d.prefix, path))
	}
	for _, path := range d.zeros {
		c.zeros = append(c.zeros, join(d.prefix, path))
	}
	for path, field := range d.fields {
		c.fields[join(d.prefix, path)] = field
	}
}
