package api

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/podman"
)

// registerStreams has the calls that the node answers that has the instance, some for as long as something lasts. They are beside the library,
// which would read and write them whole; here they are described to it.
func (a *API) registerStreams(api huma.API, mux *http.ServeMux) {
	const one = "/v1/instances/{name}"
	mux.HandleFunc("GET "+one+"/logs", a.logs)
	mux.HandleFunc("POST "+one+"/exec", a.exec)
	mux.HandleFunc("GET /v1/nodes/{name}/usage", a.usage)
	name := &huma.Param{Name: "name", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}, Description: "Name of the instance, JOB-ID."}
	query := func(name, kind, description string) *huma.Param {
		return &huma.Param{Name: name, In: "query", Schema: &huma.Schema{Type: kind}, Description: description}
	}
	container := query("container", huma.TypeString, "Which of its containers.")
	logs := operation("Instances", http.MethodGet, one+"/logs", "read-log", "Read what an instance's containers have written")
	logs.Parameters = []*huma.Param{name, container, query("follow", huma.TypeBoolean, "Go on until the containers have ended."),
		query("previous", huma.TypeBoolean, "What was written before the container was last started, rather than since."),
		query("node", huma.TypeString, "Where it was, if that is another node than where it is."), query("tail", huma.TypeInteger, "Only so many of the last lines; of each container."), query("since", huma.TypeString, "Only what was written from this time on.")}
	line := api.OpenAPI().Components.Schemas.Schema(typeOfLine, true, "LogLine")
	logs.Responses = map[string]*huma.Response{"200": {Description: "Lines of JSON", Content: map[string]*huma.MediaType{"application/jsonl": {Schema: line}}}}
	exec := operation("Instances", http.MethodPost, one+"/exec", "run-command", "Run a command in a container")
	exec.Description = "The connection is upgraded, and carries frames in both directions: a byte for the stream, four for the length with the highest first, the piece. " +
		"Streams: 0 standard input, which an empty piece ends; 1 standard output; 2 standard error; 3 the terminal's size, {\"rows\":40,\"columns\":100}; 4 the end, {\"code\":0}."
	command := query("command", huma.TypeString, "The command and its arguments, one each.")
	command.Required = true
	exec.Parameters = []*huma.Param{name, container, command, query("stdin", huma.TypeBoolean, "Standard input will be sent."), query("terminal", huma.TypeBoolean, "Give it a terminal.")}
	exec.Responses = map[string]*huma.Response{"101": {Description: "The command runs"}}
	usage := operation("Nodes", http.MethodGet, "/v1/nodes/{name}/usage", "get-usage", "Measure what the instances on a node take")
	node := *name
	node.Description = "Name of the node."
	usage.Parameters = []*huma.Param{&node}
	usage.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: map[string]*huma.MediaType{
		"application/json": {Schema: api.OpenAPI().Components.Schemas.Schema(typeOfUsage, true, "Usage")}}}}
	for _, op := range []*huma.Operation{&logs, &exec, &usage} {
		api.OpenAPI().AddOperation(op)
	}
}

// containers finds the instance that a call is about, and which of its containers are meant.
func (a *API) containers(r *http.Request) (in v1.Instance, names []string, err error) {
	v, err := a.view()
	if err != nil {
		return in, nil, err
	}
	in, ok := v.find(r.PathValue("name"))
	switch {
	case !ok:
		return in, nil, v.noInstance(r.PathValue("name"))
	case in.Node == "":
		return in, nil, v1.NotRunning.New("%s has no place: %s", in.Name, in.Message)
	case in.Phase == v1.Lost:
		return in, nil, v1.NotRunning.New("%s", in.Message)
	}
	spec := v.Spec(in.UID, in.Revision)
	if spec == nil {
		return in, nil, v1.NotRunning.New("it is not known any more what %s runs", in.Name)
	}
	names = slices.Sorted(maps.Keys(spec.Containers))
	if wanted := r.URL.Query().Get("container"); wanted != "" {
		if !slices.Contains(names, wanted) {
			return in, nil, v1.NotFound.New("%s has no container %q, but %s", in.Name, wanted, strings.Join(names, ", "))
		}
		names = []string{wanted}
	}
	return in, names, nil
}

// noInstance says that there is none of that name. It may be that of a job.
func (v *view) noInstance(name string) *v1.Problem {
	p := none("instance", name)
	if j := v.named(name); j != nil {
		var names []string
		for _, in := range v.of[j.UID] {
			names = append(names, in.Name)
		}
		p.Detail += ", but a job of that name with " + cmp.Or(strings.Join(names, ", "), "none")
	}
	return p
}

// local are the containers of an instance on this node as podman has them, by their own names. Those that were not made yet are left out,
// unless none was.
func (a *API) local(ctx context.Context, in v1.Instance, names []string) (map[string]podman.ContainerState, error) {
	found := map[string]podman.ContainerState{}
	for _, name := range names {
		container, ok := a.Container(in.UID, in.ID, name)
		if !ok {
			continue
		}
		state, err := a.Podman.Container(ctx, container)
		switch {
		case err == nil:
			found[name] = state
		case !errors.Is(err, podman.ErrNotFound):
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, v1.NotRunning.New("%s of %s was not started yet on %s, where it is %s%s", strings.Join(names, ", "), in.Name, in.Node, in.Phase, because(in))
	}
	return found, nil
}

// because is what an instance says of itself, behind a sentence.
func because(in v1.Instance) string {
	if in.Message == "" {
		return ""
	}
	return ": " + in.Message
}
