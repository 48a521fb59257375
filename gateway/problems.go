package gateway

import (
	"encoding/json"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"teamtask.dev/client"
)

// errClosed refuses calls that come while the gateway stops.
var errClosed = errors.New("the gateway is stopping; repeat the call")

// problem is an answer as an error: problem details (RFC 9457).
func problem(status int, detail string) *client.Problem {
	return &client.Problem{Status: status, Title: http.StatusText(status), Detail: detail}
}

// fail says what went wrong, with a status that tells a worker whether to repeat the call: 503 does, all others end it. What the
// gateway may not do is 503, too, as a right can be given while workers wait.
func fail(w http.ResponseWriter, err error) {
	var p *client.Problem
	switch {
	case errors.As(err, &p) && p.Status != http.StatusServiceUnavailable:
		if p.Status == http.StatusUnauthorized {
			w.Header().Set("WWW-Authenticate", `Bearer realm="teamtask"`)
		}
	case apierrors.IsBadRequest(err):
		p = problem(http.StatusBadRequest, err.Error())
	case apierrors.IsResourceExpired(err): // the page after one that was read long ago
		p = problem(http.StatusGone, err.Error())
	default:
		p = problem(http.StatusServiceUnavailable, err.Error())
		w.Header().Set("Retry-After", "1")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}
