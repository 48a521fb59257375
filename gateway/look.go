package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime/pkg/client"

	"teamtask.dev/api/v1alpha1"
)

// get is a list as the API server has it.
func (g *Gateway) get(w http.ResponseWriter, r *http.Request, list types.NamespacedName) {
	wl, err := g.read(r.Context(), list)
	if err != nil {
		fail(w, err)
		return
	}
	write(w, wl)
}

// read is a list as the API server has it now.
func (g *Gateway) read(ctx context.Context, list types.NamespacedName) (*v1alpha1.Worklist, error) {
	var wl v1alpha1.Worklist
	err := g.o.Callers.Get(ctx, list, &wl)
	if _, noKind := apierrors.StatusCause(err, metav1.CauseTypeUnexpectedServerResponse); apierrors.IsNotFound(err) && !noKind {
		return nil, missing(list)
	}
	if err != nil {
		return nil, fmt.Errorf("the gateway reads worklist %s: %w", list, err)
	}
	return complete(&wl), nil
}

// list are the lists of a namespace, a page at a time.
func (g *Gateway) list(w http.ResponseWriter, r *http.Request, in types.NamespacedName) {
	const usual, most = 100, 1000
	limit, query := int64(usual), r.URL.Query()
	if text := query.Get("limit"); text != "" {
		var err error
		if limit, err = strconv.ParseInt(text, 10, 64); err != nil || limit < 1 || limit > most {
			fail(w, problem(http.StatusUnprocessableEntity, fmt.Sprintf("limit: is %q, must be 1 to %d", text, most)))
			return
		}
	}
	var lists v1alpha1.WorklistList
	if err := g.o.Callers.List(r.Context(), &lists, ctrl.InNamespace(in.Namespace), ctrl.Limit(limit), ctrl.Continue(query.Get("continue"))); err != nil {
		fail(w, fmt.Errorf("the gateway lists the worklists in the namespace %s: %w", in.Namespace, err))
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

// blocks are those that workers of this gateway have. Looking makes no tier.
func (g *Gateway) blocks(w http.ResponseWriter, r *http.Request, list types.NamespacedName) {
	if g.shared(list) {
		g.work(w, r, list)
		return
	}
	if _, err := g.read(r.Context(), list); err != nil {
		fail(w, err)
		return
	}
	write(w, &v1alpha1.BlockList{TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.APIVersion, Kind: v1alpha1.BlockKind + "List"}, Items: []v1alpha1.Block{}})
}

// explanation is why the list does or does not move: for workers of this gateway, or else as its status says.
func (g *Gateway) explanation(w http.ResponseWriter, r *http.Request, list types.NamespacedName) {
	if g.shared(list) {
		g.work(w, r, list)
		return
	}
	wl, err := g.read(r.Context(), list)
	if err != nil {
		fail(w, err)
		return
	}
	write(w, &v1alpha1.Explanation{Phase: wl.Status.Phase(), Sentences: []string{wl.Status.Reason()}})
}

// slowest is how long a client may take to read what it asked for, or an event: with lists it may be megabytes.
const slowest = time.Minute

func write(w http.ResponseWriter, v any) {
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(slowest))
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
