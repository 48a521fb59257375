package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"teamtask.dev/test/endless"
)

// No call takes a body however long it is.
func TestLimitsBodies(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	answer := func(r *http.Request) *httptest.ResponseRecorder {
		r.Header.Set("Authorization", "Bearer "+s.server.Token())
		w := httptest.NewRecorder()
		s.server.Handler().ServeHTTP(w, r)
		return w
	}
	var described struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Required bool
			}
			RequestBody *struct{ Content map[string]any }
		}
	}
	if err := json.Unmarshal(answer(httptest.NewRequest(http.MethodGet, "/openapi.json", nil)).Body.Bytes(), &described); err != nil {
		t.Fatal(err)
	}
	calls := 0
	for path, methods := range described.Paths {
		for method, op := range methods {
			if op.RequestBody == nil {
				continue
			}
			calls++
			query, at := url.Values{}, path
			for _, p := range op.Parameters {
				switch {
				case p.In == "path":
					at = strings.ReplaceAll(at, "{"+p.Name+"}", "x")
				case p.In == "query" && p.Required:
					query.Set(p.Name, "x")
				}
			}
			body := &endless.Body{}
			r := httptest.NewRequest(strings.ToUpper(method), at+"?"+query.Encode(), body)
			for kind := range op.RequestBody.Content {
				r.Header.Set("Content-Type", kind)
			}
			if w := answer(r); w.Code != http.StatusRequestEntityTooLarge || body.Taken > 4<<20 {
				t.Errorf("%s %s takes a body of %d bytes: %d %.200s", method, path, body.Taken, w.Code, w.Body)
			}
		}
	}
	if calls < 8 {
		t.Errorf("only %d calls take a body", calls)
	}
}
