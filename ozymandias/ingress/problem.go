package ingress

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// problem is an answer of the ingress itself: problem details (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// errorsPage describes all types of problems.
const errorsPage = "https://teamtask.dev/docs/errors#"

func noRoute(host, path string, known bool) problem {
	p := problem{errorsPage + "ingress-no-route", "Nothing is routed here", http.StatusNotFound, ""}
	switch {
	case host == "":
		p.Detail = "The request does not name a host. Jobs are found by the Host header of requests."
	case known:
		p.Detail = fmt.Sprintf("No job takes requests for %s%s, only for other paths of that host.", host, path)
	default:
		p.Detail = fmt.Sprintf("No job takes requests for the host %q. To have one take them, put into its file: ingress: {host: %s, port: PORT}, "+
			"where PORT is the one that its container listens on.", host, host)
	}
	return p
}

func noInstance(job string) problem {
	return problem{errorsPage + "ingress-no-instance", "No instance is healthy", http.StatusServiceUnavailable,
		fmt.Sprintf("No instance of the job %s is healthy at present. `ozymandias describe job %s` says why.", job, job)}
}

func unreachable(job string, err error) problem {
	if timedOut(err) {
		return problem{errorsPage + "ingress-timeout", "No instance answered in time", http.StatusGatewayTimeout,
			fmt.Sprintf("The instances of the job %s that were tried did not answer in time.", job)}
	}
	return problem{errorsPage + "ingress-unreachable", "No instance answered", http.StatusBadGateway,
		fmt.Sprintf("The connection to an instance of the job %s failed, and the request could not be sent to another one.", job)}
}

func noTunnel() problem {
	return problem{"about:blank", http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed, "This is no proxy: CONNECT leads nowhere."}
}

// refuse answers with a problem: as JSON to clients that take it, as text to people.
func (x *exchange) refuse(w http.ResponseWriter, r *http.Request, p problem) {
	x.code = p.Status
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff") // the text has the host in it, which the client chose
	if p.Status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "5")
	}
	if strings.Contains(strings.Join(r.Header["Accept"], ","), "json") {
		h.Set("Content-Type", "application/problem+json")
		w.WriteHeader(p.Status)
		json.NewEncoder(w).Encode(p)
		return
	}
	h.Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(p.Status)
	fmt.Fprintf(w, "%d %s\n\n%s\n", p.Status, p.Title, p.Detail)
}
