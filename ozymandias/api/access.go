package api

import (
	"net/http"
	"strings"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/pki"
)

// Local is what is served on the node's Unix socket: who may open that is an admin.
func (a *API) Local() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.serve(w, r, v1.Admin) })
}

// Remote is what is served to other machines, by TLS. Who calls shows a client certificate of the cluster's authority, or a token.
// The server's NextProtos must not have "h2": commands in containers take over the connection.
func (a *API) Remote() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		role, err := a.caller(r)
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer realm="ozymandias"`)
			write(w, err)
			return
		}
		a.serve(w, r, role)
	})
}

// caller finds out who calls, as far as the call is not open to everybody.
func (a *API) caller(r *http.Request) (v1.Role, error) {
	if open(r) {
		return "", nil
	}
	switch _, role := pki.Who(r.TLS); role {
	case pki.Node, pki.Admin:
		return v1.Admin, nil // what a node passes on has been let in by that node
	}
	text, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !given {
		return "", v1.Unauthenticated.New("show a client certificate of the cluster's, or a token, as header `Authorization: Bearer TOKEN`")
	}
	return a.tokenRole(r.Context(), text)
}

// open tells whether a call needs no role: it tells nothing about the cluster, or shows a token of its own.
func open(r *http.Request) bool {
	switch r.URL.Path {
	case "/healthz", "/readyz", "/openapi.json", "/openapi.yaml", "/v1/join":
		return true
	}
	return false
}

// serve answers a call of whoever has that role.
func (a *API) serve(w http.ResponseWriter, r *http.Request, role v1.Role) {
	if role == v1.Read && !reads(r) {
		write(w, v1.Forbidden.New("a token of the role read may only look: %s %s takes one of the role admin", r.Method, r.URL.Path))
		return
	}
	a.handler.ServeHTTP(w, r)
}

// reads tells whether a call only looks at what everybody may see who has a token.
func reads(r *http.Request) bool {
	switch {
	case strings.HasPrefix(r.URL.Path, "/v1/tokens"), r.URL.Path == "/v1/join-token", strings.HasSuffix(r.URL.Path, "/exec"), strings.HasSuffix(r.URL.Path, "/archive"):
		return false
	case r.Method == http.MethodPost && r.URL.Path == "/v1/explanation":
		return true // it has a body, and changes nothing
	}
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}
