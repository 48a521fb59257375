package jobfile

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v3"

	"teamtask.dev/ozymandias/spelling"
)

// load gives the file to compose-go, which knows all the ways things can be written. It stops at the first error and does not always
// say where that is, so if there is one, it is asked about what is around the services, then about each service.
func (c *compose) load(root *yaml.Node, services []string) bool {
	project, err := c.understand(root, func(map[string]any) {})
	if err == nil {
		c.project = project
		return true
	}
	if _, err := c.understand(root, func(model map[string]any) {
		model["services"] = map[string]any{"any": map[string]any{"image": "any"}}
	}); err != nil {
		c.misunderstood(err, "")
		return false
	}
	const most = 100 // it takes a few milliseconds each
	found := false
	for _, name := range services[:min(len(services), most)] {
		_, err := c.understand(root, func(model map[string]any) {
			all, _ := model["services"].(map[string]any)
			if service, ok := all[name].(map[string]any); ok {
				delete(service, "depends_on")
			}
			model["services"] = map[string]any{name: all[name]}
		})
		if err != nil {
			c.misunderstood(err, "services."+name)
			found = true
		}
	}
	if !found {
		c.misunderstood(err, "")
	}
	return false
}

// understand gives compose-go a part of the file. It must read nothing else, and ask nobody.
func (c *compose) understand(root *yaml.Node, part func(model map[string]any)) (project *types.Project, err error) {
	defer func() {
		// The nodes are any YAML there is, and compose-go's conversions rely on its schema having caught what they cannot take.
		if recover() != nil {
			err = errors.New("cannot be understood")
		}
	}()
	var model map[string]any
	if err := root.Decode(&model); err != nil {
		return nil, err
	}
	for _, word := range []string{"version", "networks", "name", extended} {
		delete(model, word)
	}
	services, _ := model["services"].(map[string]any)
	for _, service := range services {
		if service, ok := service.(map[string]any); ok {
			for word := range ignored {
				delete(service, word) // a network it names is gone
			}
			delete(service, extended)
		}
	}
	part(model)
	return loader.LoadWithContext(context.Background(),
		types.ConfigDetails{
			WorkingDir:  "/",
			ConfigFiles: []types.ConfigFile{{Filename: c.report.file, Config: model}},
			Environment: types.Mapping{},
		},
		func(o *loader.Options) {
			o.SetProjectName("ozymandias", true)
			o.Interpolate.Substitute = asItIs
			o.ResolvePaths, o.SkipNormalization = false, true
			o.SkipExtends, o.SkipInclude, o.SkipResolveEnvironment, o.SkipResolveLabels = true, true, true, true
		})
}

// asItIs leaves values alone, whose variables have been replaced; compose-go still turns "3" into 3 where it must.
func asItIs(s string, _ template.Mapping) (string, error) { return s, nil }

// How compose-go says where something is, and what.
var (
	preamble   = regexp.MustCompile(`^(?:yaml: |validating [^ ]*: |error while interpolating |decoding failed due to the following error\(s\):\s*)`)
	location   = regexp.MustCompile(`^'?((?:services|volumes|secrets|configs)(?:[.\[][^\s:,'"]*)?)'?:?\s+`)
	inBrackets = regexp.MustCompile(`\[([^\]]*)\]`)
	index      = regexp.MustCompile(`\.(\d+)\b`)
	additional = regexp.MustCompile(`^additional propert(?:y|ies) (.*) not allowed$`)
	service    = regexp.MustCompile(`^service "([^"]*)"`)
	circle     = regexp.MustCompile(`^dependency cycle detected: (\S+)`)
)

// misunderstood reports an error of compose-go at the field it is about, or at otherwise, in words like those of other faults.
func (c *compose) misunderstood(err error, otherwise string) {
	message := strings.TrimSuffix(strings.ReplaceAll(err.Error(), "\n", " "), ": invalid compose project")
	message = strings.TrimSpace(preamble.ReplaceAllString(message, ""))
	path := otherwise
	if m := location.FindStringSubmatch(message); m != nil {
		path = index.ReplaceAllString(inBrackets.ReplaceAllString(m[1], ".$1"), "[$1]")
		path = strings.ReplaceAll(path, ".[", "[") // it writes both a.b[0] and a.b.[0]
		message = message[len(m[0]):]
	}
	message = strings.TrimPrefix(message, "failed to cast to expected type: ")
	if m := circle.FindStringSubmatch(message); m != nil {
		path = "services." + m[1] + ".depends_on"
	}
	if m := service.FindStringSubmatch(message); m != nil && path == "" {
		path = "services." + m[1]
	}
	switch m := additional.FindStringSubmatch(message); {
	case m != nil:
		for field := range strings.SplitSeq(m[1], ", ") {
			c.noField(join(path, strings.Trim(field, "'")))
		}
	case strings.HasSuffix(message, "false schema"): // how the schema says that there is no such property
		c.noField(path)
	case message == "must be a null", // one of several kinds, of which compose-go names any
		strings.Contains(message, "strconv."), strings.Contains(message, "<nil>"):
		c.fault(path, "has another kind of value than compose takes")
	default:
		c.fault(path, "%s", plainWords.Replace(message))
	}
}

// plainWords says what compose-go says in the words of Go and JSON.
var plainWords = strings.NewReplacer("must be a array", "must be a list", "must be a mapping", "must be a map",
	"unexpected type map[string]interface {}", "is a map, which it must not be", "unexpected type []interface {}", "is a list, which it must not be",
	"map[string]interface {}", "a map", "[]interface {}", "a list", "interface {}", "any value")

// noField reports a field that compose does not have.
func (c *compose) noField(path string) {
	advice := ""
	if parts := strings.Split(path, "."); len(parts) == 3 && parts[0] == "services" {
		if best := spelling.Closest(parts[2], serviceWords()); best != "" {
			advice = fmt.Sprintf(": did you mean %s?", best)
		}
	}
	c.fault(path, "there is no such field%s", advice)
}

// serviceWords are those of compose's specification.
func serviceWords() []string {
	var words []string
	for _, t := range []reflect.Type{reflect.TypeFor[types.ServiceConfig](), reflect.TypeFor[types.ContainerSpec](), reflect.TypeFor[types.WorkloadSpec]()} {
		for i := range t.NumField() {
			if word, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ","); word != "" && word != "-" {
				words = append(words, word)
			}
		}
	}
	return words
}
