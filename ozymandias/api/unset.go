package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/jobfile"
)

// unset warns of secrets of the cluster that a file's jobs name and nobody has set. It is no fault: they may be set later, and what waits for them
// says so. Where they cannot be asked for just now nothing is said.
func (a *API) unset(ctx context.Context, file *jobfile.File) (warnings []string) {
	if a.Secrets == nil {
		return nil
	}
	all, err := a.Secrets.List(ctx)
	if err != nil {
		return nil
	}
	set := make(map[string]bool, len(all))
	for _, s := range all {
		set[s.Name] = true
	}
	for at, j := range file.Jobs {
		var found []job.Fault
		look := func(name, format string, args ...any) {
			if name != "" && !set[name] {
				found = append(found, job.Fault{Path: fmt.Sprintf(format, args...), Message: fmt.Sprintf("there is no secret %s yet: `ozymandias secret set %s`", name, name)})
			}
		}
		for i, in := range j.Ingress {
			if in.TLS != nil {
				look(in.TLS.Secret, "ingress[%d].tls.secret", i)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(j.Containers)) {
			for i, s := range j.Containers[name].Secrets {
				look(s.Name, "containers.%s.secrets[%d]", name, i)
			}
		}
		for _, f := range file.At(at, found) {
			warnings = append(warnings, f.Error())
		}
	}
	return warnings
}
