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
	"teamtask.dev/store"
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
	s.registerSwarms(api)
	s.registerPools(api)

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
	config.Transformers = []huma.Transformer{suggest(config.Components.Schemas)}
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

// forward passes calls about a list or a swarm on to the server that owns it.
func (s *Server) forward(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		objects, name, owned := s.objectIn(r.URL.Path)
		if objects == nil || owned || r.Header.Get(forwardedHeader) != "" {
			next.ServeHTTP(w, r)
			return
		}
		owner, err := objects.Owner(r.Context(), name)
		if err != nil || owner.Server == "" || owner.Server == s.store.Me().Server {
			next.ServeHTTP(w, r) // nobody's, so it can become ours; or the call will say what is wrong
			return
		}
		target, err := url.Parse(owner.URL)
		if err != nil || target.Host == "" {
			writeProblem(w, http.StatusBadGateway, "the server that owns "+name+" has no usable URL: "+owner.URL)
			return
		}
		passOn(w, r, target, forwardedHeader, s.store.Me().Server, "the server that owns "+name+" does not answer; another takes over soon")
	})
}

// objectIn is what a path is about, and whether this server is known to own it; no objects: it is about none.
func (s *Server) objectIn(path string) (objects *store.Objects, name string, owned bool) {
	if name, ok := nameIn(path, "/v1/worklists/"); ok {
		_, owned = s.lists.get(name)
		return s.store.Lists, name, owned
	}
	if name, ok := nameIn(path, "/v1/swarms/"); ok {
		_, owned = s.swarms.get(name)
		return s.store.Swarms, name, owned
	}
	return nil, "", false
}

// nameIn is the name that follows a prefix of a path.
func nameIn(path, prefix string) (string, bool) {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok {
		return "", false
	}
	name, _, _ := strings.Cut(rest, "/")
	return name, name != ""
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

// mine is the keeper of a list, for a call that has been forwarded if need be.
func (s *Server) mine(ctx context.Context, name string) (*keeper, error) {
	return s.lists.mine(ctx, name)
}
