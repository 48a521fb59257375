package gateway

import (
	"net/http"
	"strconv"
)

// counted counts calls by how they were answered.
func counted(m *metrics, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(s, r)
		m.calls.WithLabelValues(strconv.Itoa(s.status)).Inc()
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach what is beneath: events are flushed one by one.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
