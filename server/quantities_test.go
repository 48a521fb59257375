package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"teamtask.dev/api/v1alpha1"
)

// A number that takes hours to work out keeps no server busy: it is refused by its field. The deadline is the test's own; what is
// read in full does not meet it by far.
func TestLongQuantities(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	if _, err := s.Create(t.Context(), newList("a", v1alpha1.WorklistSpec{Size: 100})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	const rate = `{"limits":{"itemsPerSecond":"1e999999999999"}}`
	for _, c := range []struct{ method, path, contentType, body string }{
		{"POST", "/v1/worklists", "application/json", `{"apiVersion":"teamtask.dev/v1alpha1","kind":"Worklist","metadata":{"name":"b"},"spec":` + strings.Replace(rate, "{", `{"size":1,`, 1) + `}`},
		{"PUT", "/v1/worklists/a", "application/json", `{"apiVersion":"teamtask.dev/v1alpha1","kind":"Worklist","metadata":{"name":"a"},"spec":` + strings.Replace(rate, "{", `{"size":100,`, 1) + `}`},
		{"PATCH", "/v1/worklists/a", "application/merge-patch+json", `{"spec":` + rate + `}`},
	} {
		req, err := http.NewRequestWithContext(ctx, c.method, s.URL+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+s.Token)
		req.Header.Set("Content-Type", c.contentType)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", c.method, err)
		}
		var b strings.Builder
		resp.Write(&b)
		resp.Body.Close()
		if resp.StatusCode != 422 || !strings.Contains(b.String(), "spec.limits.itemsPerSecond: must be a quantity such as 64Ki, whose exponent has two digits at most") {
			t.Errorf("%s: %s", c.method, &b)
		}
	}
}
