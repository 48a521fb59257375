package server

import (
	"context"
	"crypto/subtle"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/version"
)

// forwardedHeader marks a call that another server passed on: it is not passed on again.
const forwardedHeader = "Teamtask-Forwarded"

// routes is the REST API with authentication, forwarding to owners, health and metrics.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	api := newAPI(mux, "Teamtask List server")
	s.registerWorklists(api)
	registerBlocks(api, s)
	registerAny(api, s)
	s.registerResults(api)
	s.registerEvents(api)

	handleOperations(mux, s.metrics, s.store.Ping)
	return authenticate(s.token, s.forward(mux))
}

// newAPI is a REST API without any call yet.
func newAPI(mux *http.ServeMux, title string) huma.API {
	config := huma.DefaultConfig(title, version.Version)
	config.Info.Description = "Shares out long lists of items among workers. Claim blocks, renew their leases, report them; see " +
		"`exchange` for all of it in one round trip. Every call may be repeated after a lost answer."
	config.Components.Schemas = schemas()
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "The token of the server: see `teamtask serve`."},
	}
	config.Security = []map[string][]string{{"token": {}}}
	config.CreateHooks = nil // no $schema links in every answer
	config.SchemasPath = ""
	config.DocsPath = "" // its page loads a script from elsewhere
	config.Formats = map[string]huma.Format{"application/json": bounded, "json": bounded}
	config.AllowAdditionalPropertiesByDefault = false
	config.RejectUnknownQueryParameters = true
	return humago.New(mux, config)
}

// bounded is JSON that can be read within a time that its length bounds.
var bounded = huma.Format{
	Marshal: huma.DefaultJSONFormat.Marshal,
	Unmarshal: func(b []byte, v any) error {
		if err := v1alpha1.CheckQuantities(b, v); err != nil {
			return err
		}
		return huma.DefaultJSONFormat.Unmarshal(b, v)
	},
}

// authenticate asks for the token on everything that tells or changes something of a list.
func authenticate(token string, next http.Handler) http.Handler {
	want := []byte("Bearer " + token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/v1/") &&
			subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="teamtask"`)
			what := "the call needs the server's token, as header `Authorization: Bearer TOKEN`"
			if r.Header.Get("Authorization") != "" {
				what = "the token given is not this server's"
			}
			writeProblem(w, http.StatusUnauthorized, what+`; it is in the file "token" in its data directory`)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// forward passes calls about a list on to the server that owns it.
func (s *Server) forward(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := listIn(r.URL.Path)
		if !ok || s.owns(name) || r.Header.Get(forwardedHeader) != "" {
			next.ServeHTTP(w, r)
			return
		}
		owner, err := s.store.Owner(r.Context(), name)
		if err != nil || owner.Server == "" || owner.Server == s.store.Me().Server {
			next.ServeHTTP(w, r) // nobody's, so it can become ours; or the call will say what is wrong
			return
		}
		target, err := url.Parse(owner.URL)
		if err != nil || target.Host == "" {
			writeProblem(w, http.StatusBadGateway, "the server that owns the list has no usable URL: "+owner.URL)
			return
		}
		passOn(w, r, target, forwardedHeader, s.store.Me().Server, "the server that owns the list does not answer; another takes over soon")
	})
}

// passOn has another server answer a call, with a header of its own. Where that does not answer, unreachable says so.
func passOn(w http.ResponseWriter, r *http.Request, target *url.URL, header, value, unreachable string) {
	proxy := httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(target)
			p.Out.Header.Set(header, value)
		},
		FlushInterval: -1, // events are passed on as they come
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Retry-After", "1")
			writeProblem(w, http.StatusServiceUnavailable, unreachable+": "+err.Error())
		},
	}
	proxy.ServeHTTP(w, r)
}

// listIn is the list that a path is about.
func listIn(path string) (string, bool) {
	rest, ok := strings.CutPrefix(path, "/v1/worklists/")
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, name != ""
}

// owns tells whether this server is known to own a list: a cheap first look.
func (s *Server) owns(name string) bool {
	s.mu.Lock()
	x := s.lists[name]
	s.mu.Unlock()
	return x != nil && x.keeper.Load() != nil
}

// mine is the keeper of a list, for a call that has been forwarded if need be.
func (s *Server) mine(ctx context.Context, name string) (*keeper, error) {
	k, owner, err := s.find(ctx, name)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, &moved{list: name, owner: owner.URL}
	}
	return k, nil
}
