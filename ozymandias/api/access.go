package api

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"teamtask.dev/ozymandias/api/v1"
	"teamtask.dev/ozymandias/pki"
	"teamtask.dev/ozymandias/strangers"
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
			if problem := (*v1.Problem)(nil); errors.As(err, &problem) && problem.Of(v1.Unauthenticated) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="ozymandias"`)
			}
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
	shown, err := show(r)
	if err != nil {
		return "", err
	}
	now := time.Now()
	known, err := a.credentials.since(r.Context(), now.Add(-fresh))
	if role := shown.opens(known); role != "" && (err == nil || shown.lasts) {
		return role, nil
	}
	if err != nil {
		return "", err
	}
	// It may have been made a moment ago.
	if err := a.listen(r.RemoteAddr, now); err != nil {
		return "", err
	}
	if known, err = a.credentials.since(r.Context(), now); err != nil {
		return "", err
	}
	if role := shown.opens(known); role != "" {
		return role, nil
	}
	return "", v1.Unauthenticated.New("%s", shown.unknown)
}

// tries are how often what is shown and not known is looked up, as it may have been made a moment ago.
var tries = strangers.Limits{Each: 1, EachAtOnce: 10, All: 20, AllAtOnce: 50}

// listen tells, by an error, if there were too many tries from an address, or in all.
func (a *API) listen(remote string, now time.Time) error {
	if a.strangers.Admit(remote, now) {
		return nil
	}
	return again(v1.TooManyTries.New("what you show was not known a moment ago, and too much of that kind was shown lately: if it is new, try again in a second"))
}

// show is what a caller shows: a certificate rather than a token.
func show(r *http.Request) (credential, error) {
	switch name, role := pki.Who(r.TLS); role {
	case pki.Node:
		return ofNode(name, pki.Holder(pki.Shown(r.TLS))), nil
	case pki.Admin:
		return ofAdmin(name, pki.Serial(pki.Shown(r.TLS))), nil
	}
	text, given := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !given {
		return credential{}, v1.Unauthenticated.New("show a client certificate of the cluster's, or a token, as header `Authorization: Bearer TOKEN`")
	}
	return ofToken(text), nil
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
	case strings.HasPrefix(r.URL.Path, "/v1/tokens"), strings.HasPrefix(r.URL.Path, "/v1/certificates"), r.URL.Path == "/v1/join-token", strings.HasSuffix(r.URL.Path, "/exec"), strings.HasSuffix(r.URL.Path, "/archive"):
		return false
	case r.Method == http.MethodPost && r.URL.Path == "/v1/explanation":
		return true // it has a body, and changes nothing
	}
	return r.Method == http.MethodGet || r.Method == http.MethodHead
}
