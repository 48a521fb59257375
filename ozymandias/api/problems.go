package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/jobfile"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/state"
)

// problem turns an error into problem details: the one place where the API decides on types.
func problem(err error) error {
	var known *v1.Problem
	var with huma.HeadersError
	var faults jobfile.Faults
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known) && errors.As(err, &with):
		return err
	case errors.As(err, &known):
		return known
	case errors.As(err, &faults):
		p := v1.BadJobFile.New("%s", faults.Error())
		p.Faults = faults
		return p
	case errors.Is(err, images.ErrName), errors.Is(err, images.ErrNameless), errors.Is(err, secrets.ErrName):
		return v1.Invalid.New("%v", err)
	case errors.Is(err, state.ErrTooLarge):
		return v1.TooLarge.New("%v", err)
	case errors.Is(err, state.ErrUnknown):
		return again(v1.OutcomeUnknown.New("%v; look, and repeat the call if need be", err))
	case errors.Is(err, podman.ErrNotFound), errors.Is(err, podman.ErrState):
		return v1.NotRunning.New("%v", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), ofEtcd(err):
		return again(v1.StateUnavailable.New("%v", err))
	}
	return v1.Internal.New("%v", err)
}

// ofEtcd tells whether etcd said no, or nothing.
func ofEtcd(err error) bool {
	var refused rpctypes.EtcdError
	return errors.As(err, &refused)
}

// again asks for the call to be repeated.
func again(err error) error {
	return huma.ErrorWithHeaders(err, http.Header{"Retry-After": {"1"}})
}

// none says that there is no such thing.
func none(kind, name string) *v1.Problem { return v1.NotFound.New("there is no %s %q", kind, name) }

// typed gives a type to what the library refuses by itself, such as a parameter that is not valid.
func typed(_ huma.Context, _ string, answer any) (any, error) {
	refused, ok := answer.(*huma.ErrorModel)
	if !ok {
		return answer, nil
	}
	kind := v1.Invalid
	if refused.Status >= http.StatusInternalServerError {
		kind = v1.Internal
	}
	detail := cmp.Or(refused.Detail, refused.Title)
	if detail == "validation failed" { // what follows says what is wrong
		detail = "the call is not valid"
	}
	p := kind.New("%s", detail)
	p.Status = refused.Status
	mark := ": "
	for _, e := range refused.Errors {
		p.Errors = append(p.Errors, v1.ErrorDetail{Message: e.Message, Location: e.Location, Value: e.Value})
		if e.Location == "" {
			p.Detail, mark = p.Detail+mark+e.Message, "; "
			continue
		}
		p.Detail += mark + strings.TrimPrefix(strings.TrimPrefix(e.Location, "body."), "query.") + ": " + e.Message
		mark = "; "
	}
	return p, nil
}

// write answers with a problem where huma is not at work.
func write(w http.ResponseWriter, err error) {
	err = problem(err)
	var with huma.HeadersError
	if errors.As(err, &with) {
		for name, values := range with.GetHeaders() {
			w.Header()[name] = values
		}
	}
	var p *v1.Problem
	if !errors.As(err, &p) {
		p = v1.Internal.New("%v", err)
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever does not take it has gone
}
