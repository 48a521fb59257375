package server

import (
	"maps"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"teamtask.dev/api/v1alpha1"
)

// suggest adds to the problem of a field that is unknown the one that was probably meant, by the schema of what the call takes.
func suggest(components huma.Registry) huma.Transformer {
	return func(ctx huma.Context, _ string, answer any) (any, error) {
		problem, refused := answer.(*huma.ErrorModel)
		op := ctx.Operation()
		if !refused || op == nil || op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
			return answer, nil
		}
		for _, d := range problem.Errors {
			path, inBody := strings.CutPrefix(d.Location, "body.")
			if i := strings.LastIndexByte(path, '.'); inBody && d.Message == validation.MsgUnexpectedProperty {
				if at := schemaAt(components, op.RequestBody.Content["application/json"].Schema, path[:max(i, 0)]); at != nil {
					d.Message += v1alpha1.DidYouMean(path[i+1:], slices.Sorted(maps.Keys(at.Properties)))
				}
			}
		}
		return answer, nil
	}
}

// schemaAt is the schema of what is at a path such as spec.workloads.list[0]; nil if that is not known.
func schemaAt(components huma.Registry, s *huma.Schema, path string) *huma.Schema {
	for {
		if s != nil && s.Ref != "" {
			s = components.SchemaFromRef(s.Ref)
		}
		if s == nil || path == "" {
			return s
		}
		switch rest, list := strings.CutPrefix(path, "["); {
		case list:
			_, path, _ = strings.Cut(rest, "]")
			s = s.Items
		default:
			path = strings.TrimPrefix(path, ".")
			end := strings.IndexAny(path, ".[")
			if end < 0 {
				end = len(path)
			}
			s, path = s.Properties[path[:end]], path[end:]
		}
	}
}
