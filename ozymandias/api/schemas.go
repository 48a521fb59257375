package api

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/job"
)

// What is answered beside the library.
var (
	typeOfLine   = reflect.TypeFor[v1.LogLine]()
	typeOfUsage  = reflect.TypeFor[v1.Usage]()
	typeOfLoaded = reflect.TypeFor[v1.LoadedImages]()
)

// schemas are the OpenAPI schemas of the API's types, with plain ones for those that write themselves as text.
func schemas() huma.Registry {
	r := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		name := huma.DefaultSchemaNamer(t, hint)
		if t.PkgPath() == reflect.TypeFor[job.Job]().PkgPath() {
			name += "Spec" // of what a job file says, beside how that fares
		}
		return name
	})
	alias := func(t, as reflect.Type) { r.RegisterTypeAlias(t, as) }
	alias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[v1.Problem]()) // see typed
	alias(reflect.TypeFor[job.Size](), reflect.TypeFor[sizeText]())
	alias(reflect.TypeFor[job.CPUs](), reflect.TypeFor[cpusText]())
	alias(reflect.TypeFor[job.Duration](), reflect.TypeFor[durationText]())
	alias(reflect.TypeFor[job.Restart](), reflect.TypeFor[restartText]())
	alias(reflect.TypeFor[job.Port](), reflect.TypeFor[portText]())
	return r
}

type (
	sizeText     string
	cpusText     string
	durationText string
	restartText  string
	portText     string
)

func text(description string, examples ...any) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: description, Examples: examples}
}

func (sizeText) Schema(huma.Registry) *huma.Schema {
	return text("Bytes, as a quantity.", "2G", "512Mi")
}
func (cpusText) Schema(huma.Registry) *huma.Schema { return text("Processors.", "0.5") }
func (durationText) Schema(huma.Registry) *huma.Schema {
	return text("A Go duration.", "90s")
}
func (restartText) Schema(huma.Registry) *huma.Schema {
	return text("What happens when the container ends.", "always", "on-failure:3", "never")
}
func (portText) Schema(huma.Registry) *huma.Schema {
	return text("From a port of the node to one of the container.", "80:3000", "514:514/udp")
}
