package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"teamtask.dev/api/v1alpha1"
)

// route is a path, which takes one method.
type route struct {
	method, path string
	verb         string // on worklists, that the caller needs
	answer       func(http.ResponseWriter, *http.Request, types.NamespacedName)
}

// routes is the API. What is not here nobody can do through a gateway, whatever their rights.
func (g *Gateway) routes() http.Handler {
	const one = "/v1/worklists/{name}"
	routes := []route{
		{http.MethodGet, "/v1/worklists", "list", g.list},
		{http.MethodGet, one, "get", g.get},
		{http.MethodGet, one + "/events", "get", g.events},
		{http.MethodGet, one + "/blocks", "get", g.blocks},
		{http.MethodGet, one + "/explanation", "get", g.explanation},
	}
	for _, call := range []string{"claim", "exchange", "renew", "complete", "fail", "release"} {
		routes = append(routes, route{http.MethodPost, one + "/blocks/" + call, "work", g.work})
	}
	mux := http.NewServeMux()
	for _, base := range []string{"", "/namespaces/{namespace}"} {
		for _, x := range routes {
			mux.HandleFunc(x.method+" "+base+x.path, g.guard(x))
			mux.HandleFunc(base+x.path, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Allow", x.method)
				fail(w, problem(http.StatusMethodNotAllowed, "here lists are looked at and their blocks handed out; they are made, changed and deleted with kubectl"))
			})
		}
		mux.HandleFunc(base+"/v1/claim", func(w http.ResponseWriter, _ *http.Request) {
			fail(w, problem(http.StatusNotFound, "name the list: in front of Kubernetes a worker serves one list; `teamtask work --all` is for List servers"))
		})
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", g.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, problem(http.StatusNotFound, "there is nothing at "+r.URL.Path+"; the lists are at /v1/worklists, those of another namespace at /namespaces/NAMESPACE/v1/worklists"))
	})
	return g.metrics.counted(mux)
}

// ready tells whether callers can be told who they are: the API server answers, and lets the gateway ask.
func (g *Gateway) ready(w http.ResponseWriter, r *http.Request) {
	const nobody = "readyz"
	err := errClosed
	if g.ctx.Err() == nil {
		_, err = g.who.who(r.Context(), nobody)
	}
	if err != nil {
		fail(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}

// guard lets those through who have the right.
func (g *Gateway) guard(x route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.metrics.inFlight.Inc()
		defer g.metrics.inFlight.Dec()
		begun := time.Now()
		list := types.NamespacedName{Namespace: cmp.Or(r.PathValue("namespace"), g.o.Namespace), Name: r.PathValue("name")}
		who, err := g.permit(r, x.verb, list)
		if err == nil {
			err = there(list)
		}
		log := g.o.Log.With("user", who, "verb", x.verb, "path", r.URL.Path) // and nothing of the headers, where the token is
		if err != nil {
			log.Debug("a call is refused", "error", err)
			fail(w, err)
			return
		}
		defer http.NewResponseController(w).SetWriteDeadline(time.Time{}) // the connection may bring other calls
		x.answer(w, r, list)
		log.Debug("a call is answered", "took", time.Since(begun))
	}
}

// permit tells who calls, and whether they may. Whether there is such a list is not looked at: who may not must not learn that.
func (g *Gateway) permit(r *http.Request, verb string, list types.NamespacedName) (user string, err error) {
	who, err := g.who.who(r.Context(), bearer(r))
	if err != nil {
		return "", err
	}
	if who == nil {
		return "", problem(http.StatusUnauthorized, "the call needs a token that the cluster knows, as header `Authorization: Bearer TOKEN`: "+
			"`kubectl create token SERVICE-ACCOUNT` makes one, and a pod has one")
	}
	if len(list.Name) > validation.DNS1123SubdomainMaxLength || len(list.Namespace) > validation.DNS1123LabelMaxLength {
		return who.name, problem(http.StatusNotFound, "there is no worklist, or no namespace, whose name is as long as that") // and nothing to remember
	}
	allowed, err := g.may.may(r.Context(), who, verb, list)
	if errors.Is(err, errDoubt) {
		return who.name, fmt.Errorf("%s may not %s: %w", who.name, doing(verb, list), err)
	}
	if err == nil && !allowed {
		err = problem(http.StatusForbidden, fmt.Sprintf("%s may not %s; a role with the verb %q on worklists.%s, such as teamtask-worker, bound in the namespace %s, lets them",
			who.name, doing(verb, list), verb, v1alpha1.Group, list.Namespace))
	}
	return who.name, err
}

// there refuses names that nothing can have.
func there(list types.NamespacedName) error {
	if len(validation.IsDNS1123Label(list.Namespace)) > 0 || list.Name != "" && len(validation.IsDNS1123Subdomain(list.Name)) > 0 {
		return missing(list)
	}
	return nil
}

func missing(list types.NamespacedName) error {
	return problem(http.StatusNotFound, fmt.Sprintf("there is no worklist %s in the namespace %s", list.Name, list.Namespace))
}

func doing(verb string, list types.NamespacedName) string {
	switch verb {
	case "list":
		return fmt.Sprintf("list the worklists in the namespace %s", list.Namespace)
	case "work":
		verb = "work on"
	}
	return fmt.Sprintf("%s the worklist %s in the namespace %s", verb, list.Name, list.Namespace)
}
