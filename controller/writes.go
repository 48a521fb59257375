package controller

import (
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// writes counts what the controllers ask of the API server.
var writes = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "teamtask_controller_writes_total",
	Help: "Writes to the API server by resource and verb."}, []string{"resource", "verb"})

func init() { metrics.Registry.MustRegister(writes) }

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func countWrites(next http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			writes.WithLabelValues(resourceOf(r.URL.Path), strings.ToLower(r.Method)).Inc()
		}
		return next.RoundTrip(r)
	})
}

// resourceOf is the resource that a path of the API names, with its subresource: /apis/GROUP/VERSION/namespaces/NS/blocks/NAME/status
// is blocks/status.
func resourceOf(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	skip := 3 // apis, group, version
	if parts[0] == "api" {
		skip = 2
	}
	if len(parts) > skip+2 && parts[skip] == "namespaces" {
		skip += 2
	}
	if len(parts) <= skip {
		return "other"
	}
	if len(parts) > skip+2 {
		return parts[skip] + "/" + parts[skip+2]
	}
	return parts[skip]
}
