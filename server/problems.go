package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/server/swarms"
	"teamtask.dev/store"
)

// otherCommand refuses a worker whose command is not the list's.
type otherCommand struct {
	list         string
	bound, given []string
}

func (e *otherCommand) Error() string {
	return fmt.Sprintf("list %s is bound to the command `%s`, not `%s`", e.list, strings.Join(e.bound, " "), strings.Join(e.given, " "))
}

// moved means that a list or swarm has another owner than the server that was asked.
type moved struct{ name, owner string }

func (e *moved) Error() string {
	return fmt.Sprintf("%s is owned by the server at %s; repeat the call", e.name, e.owner)
}

// upstreamError says that a tier's upstream did not do as the tier wished.
type upstreamError struct{ err error }

func (e *upstreamError) Error() string { return "the upstream: " + e.err.Error() }
func (e *upstreamError) Unwrap() error { return e.err }

func (e *upstreamError) problem() error {
	if client.IsNotFound(e.err) {
		return huma.Error404NotFound(e.Error())
	}
	var p *client.Problem
	if errors.As(e.err, &p) && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden) {
		return huma.Error500InternalServerError("this tier is not let in by its upstream: " + p.Error()) // asking again does not help
	}
	return unavailable(e)
}

// problem turns an error into problem details (RFC 9457): the one place where the API decides on status codes.
func problem(err error) error {
	var field *v1alpha1.FieldError
	var status huma.StatusError
	var command *otherCommand
	var elsewhere *moved
	var upstream *upstreamError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &status):
		return err
	case errors.As(err, &field):
		return invalid("the worklist is not valid", field)
	case errors.As(err, &command):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, store.ErrNotFound):
		return huma.Error404NotFound(err.Error())
	case errors.Is(err, errStale):
		return huma.Error412PreconditionFailed(err.Error())
	case errors.Is(err, store.ErrExists):
		return huma.Error409Conflict(err.Error() + ", with another spec; delete it or choose another name")
	case errors.As(err, &elsewhere), errors.Is(err, errGone), errors.Is(err, store.ErrLost):
		return unavailable(err)
	case errors.As(err, &upstream):
		return upstream.problem()
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return huma.Error503ServiceUnavailable("the call was cut off: " + err.Error())
	}
	return huma.Error500InternalServerError(err.Error())
}

// swarmProblem is problem for the calls about swarms and their workers.
func swarmProblem(what string, err error) error {
	var field *v1alpha1.FieldError
	var unknown *swarms.UnknownError
	var taken *swarms.TakenError
	var lost *swarms.LostError
	var overdue *swarms.OverdueError
	switch {
	case errors.As(err, &field):
		return invalid(what, field)
	case errors.As(err, &unknown):
		return huma.Error404NotFound(err.Error())
	case errors.As(err, &taken):
		return huma.ErrorWithHeaders(huma.Error409Conflict(err.Error()), http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(taken.Rest.Seconds())))}})
	case errors.As(err, &overdue): // by its location a worker tells it from the next
		return huma.Error409Conflict(err.Error(), &huma.ErrorDetail{Location: "body.version", Message: overdue.Error(), Value: overdue.Version})
	case errors.As(err, &lost), errors.Is(err, swarms.ErrDeleted):
		return huma.Error409Conflict(err.Error())
	case errors.Is(err, swarms.ErrGone):
		return unavailable(err)
	}
	return problem(err)
}

// invalid says what is wrong with which field.
func invalid(what string, field *v1alpha1.FieldError) error {
	return huma.Error422UnprocessableEntity(what+": "+field.Error(), &huma.ErrorDetail{Location: "body." + field.Field, Message: field.Detail})
}

// unavailable asks for the call to be repeated.
func unavailable(err error) error {
	return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()), http.Header{"Retry-After": {"1"}})
}

// writeProblem answers with problem details where huma is not at work.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail})
}
