package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/version"
)

// registerOperations has the calls of those who run the cluster.
func (a *API) registerOperations(api huma.API, mux *http.ServeMux) {
	huma.Register(api, operation("Operations", http.MethodGet, "/v1/version", "get-version", "Which program answers, on which node?"),
		func(context.Context, *struct{}) (*answer[v1.Version], error) {
			return &answer[v1.Version]{v1.Version{Version: version.Version, Node: a.Node}}, nil
		})
	join := operation("Operations", http.MethodPost, "/v1/join", "join", "Let a node into the cluster, by the cluster's token")
	join.Security = []map[string][]string{}
	join.SkipValidateBody = true
	join.MaxBodyBytes = 64 << 10 // anybody may send it: the token is in it
	// It is between nodes: what is asked and answered is package cluster's.
	huma.Register(api, join, func(ctx context.Context, in *joining) (*answer[json.RawMessage], error) {
		out, err := a.join(ctx, in)
		return &answer[json.RawMessage]{out}, problem(err)
	})
	huma.Register(api, operation("Operations", http.MethodGet, "/v1/join-token", "get-join-token", "Get the token by which a node joins the cluster"),
		func(ctx context.Context, _ *struct{}) (*answer[v1.JoinToken], error) {
			text, err := a.Members.Token(ctx)
			return &answer[v1.JoinToken]{v1.JoinToken{Token: text}}, problem(err)
		})
	huma.Register(api, operation("Operations", http.MethodPost, "/v1/join-token", "renew-join-token", "Make a new token to join by; the old one lets nobody in any more"),
		func(ctx context.Context, _ *struct{}) (*answer[v1.JoinToken], error) {
			text, err := a.Members.NewToken(ctx)
			return &answer[v1.JoinToken]{v1.JoinToken{Token: text}}, problem(err)
		})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if _, basis, _ := a.Mirror.State(); basis.Err() != nil {
			write(w, v1.StateUnreadable.New("%v", basis.Err()))
			return
		}
		if _, err := a.etcdAnswers.since(r.Context(), time.Now().Add(-fresh)); err != nil {
			write(w, again(v1.StateUnavailable.New("etcd does not answer: %v", err)))
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics(), promhttp.HandlerOpts{}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if methods := allowed(mux, r); len(methods) > 0 {
			w.Header().Set("Allow", strings.Join(methods, ", "))
			write(w, v1.MethodNotAllowed.New("%s takes %s, not %s", r.URL.Path, strings.Join(methods, ", "), r.Method))
			return
		}
		write(w, v1.NotFound.New("there is nothing at %s; the API is described at /openapi.json", r.URL.Path))
	})
	limitBodies(api.OpenAPI())
}

// What a body may be at most, and how long it may take to come, where the call says nothing else. It may come from far, by a thin line.
const (
	mostBody = 1 << 20
	bodyTime = 30 * time.Second
)

// limitBodies limits the bodies of all calls that are registered: the library does so only for those that it parses itself (its 2.37.2), and would
// hold any other in memory, however long it gets.
func limitBodies(all *huma.OpenAPI) {
	for _, path := range all.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			if op.MaxBodyBytes == 0 {
				op.MaxBodyBytes = mostBody
			}
			if op.BodyReadTimeout == 0 {
				op.BodyReadTimeout = bodyTime
			}
		}
	}
}

// allowed are the methods that a path takes. The mux would know, had it no pattern for everything else.
func allowed(mux *http.ServeMux, r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, pattern := mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); strings.HasPrefix(pattern, method+" ") {
			methods = append(methods, method)
		}
	}
	return methods
}

// joining is a call to be let in.
type joining struct {
	RawBody []byte `contentType:"application/json"`
	remote  string
}

// Resolve notes who calls. It is huma's.
func (j *joining) Resolve(ctx huma.Context) []error {
	j.remote = ctx.RemoteAddr()
	return nil
}

// join lets a node into the cluster.
func (a *API) join(ctx context.Context, in *joining) (json.RawMessage, error) {
	var request cluster.JoinRequest
	if err := json.Unmarshal(in.RawBody, &request); err != nil {
		return nil, v1.Invalid.New("this is no request to join: %v", err)
	}
	now := time.Now()
	token, err := a.joinToken.since(ctx, now.Add(-fresh))
	if err != nil {
		return nil, err
	}
	if !token.Matches(request.Secret) {
		if err := a.listen(in.remote, now); err != nil {
			return nil, err
		}
	}
	welcome, err := a.Members.Admit(ctx, request)
	if err != nil {
		return nil, admission(err)
	}
	return json.Marshal(welcome)
}

// readJoinToken reads the token by which nodes join.
func (a *API) readJoinToken(ctx context.Context) (pki.Token, error) {
	text, err := a.Members.Token(ctx)
	if err != nil {
		return pki.Token{}, err
	}
	return pki.ParseToken(text)
}

// askEtcd finds out whether etcd answers.
func (a *API) askEtcd(ctx context.Context) (struct{}, error) { return struct{}{}, a.Store.Ping(ctx) }

// admission is the problem of a node that may not join.
func admission(err error) error {
	kind, status := v1.JoinRefused, 0
	switch {
	case errors.Is(err, cluster.ErrToken):
		status = http.StatusUnauthorized
	case errors.Is(err, cluster.ErrNameTaken), errors.Is(err, cluster.ErrAddressTaken), errors.Is(err, cluster.ErrNewer):
		status = http.StatusConflict
	case errors.Is(err, cluster.ErrInvalid):
		status = http.StatusUnprocessableEntity
	default:
		return err
	}
	p := kind.New("%v", err)
	p.Status = status
	return p
}
