package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
)

// routes is the API: who calls, what they may do, and then the tier of the list.
func (g *Gateway) routes() http.Handler {
	mux := http.NewServeMux()
	ok := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok)
	mux.Handle("GET /metrics", promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/namespaces/{namespace}/v1/", func(w http.ResponseWriter, r *http.Request) {
		namespace := r.PathValue("namespace")
		http.StripPrefix("/namespaces/"+namespace, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, namespace) })).ServeHTTP(w, r)
	})
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, g.o.Namespace) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there is nothing here; the lists are at /v1/worklists, those of another namespace at /namespaces/NAMESPACE/v1/worklists")
	})
	return counted(g.metrics, mux)
}

// serve answers a call about the lists of a namespace.
func (g *Gateway) serve(w http.ResponseWriter, r *http.Request, namespace string) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	who, err := g.who.who(r.Context(), token)
	if err != nil {
		fail(w, err)
		return
	}
	if who == nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="teamtask"`)
		refuse(w, http.StatusUnauthorized, "the call needs a token that the cluster knows, as header `Authorization: Bearer TOKEN`: `kubectl create token SERVICE-ACCOUNT` makes one, and a pod has one")
		return
	}
	name, rest := listIn(r.URL.Path)
	verb := verbFor(r.Method, name, rest)
	if name == "" && rest != "" {
		refuse(w, http.StatusNotFound, "name the list: in front of Kubernetes a worker serves one list; `teamtask work --all` is for List servers")
		return
	}
	if verb == "" {
		refuse(w, http.StatusMethodNotAllowed, "here blocks are handed out; lists are made, changed and deleted with kubectl")
		return
	}
	allowed, err := g.may.may(r.Context(), who, verb, namespace, name)
	switch {
	case err != nil:
		fail(w, err)
	case !allowed:
		refuse(w, http.StatusForbidden, fmt.Sprintf("%s may not %s; a role with the verb %q on worklists.%s, such as teamtask-worker, bound in the namespace %s, lets them",
			who.name, doing(verb, name, namespace), verb, v1alpha1.Group, namespace))
	case name == "":
		g.list(w, r, namespace)
	default:
		g.pass(w, r, types.NamespacedName{Namespace: namespace, Name: name}, rest)
	}
}

// listIn is the list that a path is about, and what of it: /v1/worklists/NAME/REST.
func listIn(path string) (name, rest string) {
	path, ok := strings.CutPrefix(path, "/v1/worklists")
	if !ok {
		return "", path
	}
	name, rest, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return name, rest
}

// verbFor is the verb on worklists that a call needs; "": no verb lets anybody.
func verbFor(method, name, rest string) string {
	switch {
	case method == http.MethodGet && name == "":
		return "list"
	case method == http.MethodGet:
		return "get"
	case method == http.MethodPost && strings.HasPrefix(rest, "blocks/"):
		return "work"
	}
	return ""
}

func doing(verb, name, namespace string) string {
	if name == "" {
		return fmt.Sprintf("list the worklists in the namespace %s", namespace)
	}
	if verb == "work" {
		return fmt.Sprintf("work on the worklist %s in the namespace %s", name, namespace)
	}
	return fmt.Sprintf("%s the worklist %s in the namespace %s", verb, name, namespace)
}

// pass hands a call to the list's tier. Lists that are only looked at are not shared out for that.
func (g *Gateway) pass(w http.ResponseWriter, r *http.Request, name types.NamespacedName, rest string) {
	if rest == "" {
		g.get(w, r, name)
		return
	}
	tier, done, err := g.share(r.Context(), name)
	if err != nil {
		fail(w, err)
		return
	}
	defer done()
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+tier.Token())
	tier.Handler().ServeHTTP(w, r)
}

// get is a list as the API server has it.
func (g *Gateway) get(w http.ResponseWriter, r *http.Request, name types.NamespacedName) {
	var wl v1alpha1.Worklist
	if err := g.o.Client.Get(r.Context(), name, &wl); err != nil {
		fail(w, err)
		return
	}
	write(w, complete(&wl))
}

// list are the lists of a namespace.
func (g *Gateway) list(w http.ResponseWriter, r *http.Request, namespace string) {
	var lists v1alpha1.WorklistList
	limit, _ := strconv.ParseInt(r.URL.Query().Get("limit"), 10, 64)
	if err := g.o.Client.List(r.Context(), &lists, ctrl.InNamespace(namespace), ctrl.Limit(limit), ctrl.Continue(r.URL.Query().Get("continue"))); err != nil {
		fail(w, err)
		return
	}
	for i := range lists.Items {
		complete(&lists.Items[i])
	}
	lists.APIVersion, lists.Kind = v1alpha1.APIVersion, v1alpha1.WorklistKind+"List"
	if lists.Items == nil {
		lists.Items = []v1alpha1.Worklist{}
	}
	write(w, &lists)
}

// complete fills in what a List server tells of a list.
func complete(wl *v1alpha1.Worklist) *v1alpha1.Worklist {
	wl.APIVersion, wl.Kind, wl.ManagedFields = v1alpha1.APIVersion, v1alpha1.WorklistKind, nil
	if wl.Spec.Size == 0 {
		wl.Spec.Size = wl.Status.Size
	}
	return wl
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

// refuse answers with problem details (RFC 9457).
func refuse(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(&client.Problem{Status: status, Title: http.StatusText(status), Detail: detail})
}

// fail says what went wrong, with the status that tells a worker whether repeating the call helps.
func fail(w http.ResponseWriter, err error) {
	var p *client.Problem
	var known apierrors.APIStatus
	switch {
	case errors.Is(err, context.Canceled):
		return // nobody is there to hear it
	case errors.As(err, &p) && p.Status != 0:
		refuse(w, p.Status, p.Error())
	case apierrors.IsNotFound(err):
		refuse(w, http.StatusNotFound, err.Error())
	case apierrors.IsForbidden(err): // the gateway itself: asking again does not help
		refuse(w, http.StatusInternalServerError, "the gateway lacks a right: "+err.Error())
	case errors.As(err, &known) && apierrors.IsBadRequest(err):
		refuse(w, http.StatusBadRequest, err.Error())
	default:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, err.Error())
	}
}
