package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/client"
	"teamtask.dev/items"
)

// raw sends a request as it is, and returns the status and the answer.
func (s *site) raw(t *testing.T, method, path, contentType string, body io.Reader) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.Token)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusMethodNotAllowed && resp.Header.Get("Allow") == "" {
		t.Errorf("%s %s: no header says what is allowed", method, path)
	}
	if resp.StatusCode >= 400 {
		var p client.Problem
		if err := json.Unmarshal(b, &p); err != nil || p.Status != resp.StatusCode || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/problem+json") {
			t.Errorf("%s %s: not problem details: %s", method, path, b)
		}
	}
	return resp.StatusCode, string(b)
}

// badCall is a call that is refused.
type badCall struct {
	what, method, path, body string
	status                   int
	want                     string // in the answer
}

func (s *site) refuses(t *testing.T, calls []badCall) {
	t.Helper()
	for _, c := range calls {
		contentType := "application/json"
		if c.method == "PATCH" {
			contentType = "application/merge-patch+json"
		}
		status, answer := s.raw(t, c.method, c.path, contentType, strings.NewReader(c.body))
		var p client.Problem
		json.Unmarshal([]byte(answer), &p)
		if status != c.status || !strings.Contains(p.Error()+answer, c.want) {
			t.Errorf("%s: %d %s\nwant %d %s", c.what, status, answer, c.status, c.want)
		}
	}
}

// Bad input is answered with problem details that name the field and what to do, and changes nothing.
func TestBadInput(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	if _, err := s.Create(t.Context(), newList("a", v1alpha1.WorklistSpec{Size: 100, Block: v1alpha1.BlockPolicy{Size: 10}})); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), newList("ten", v1alpha1.WorklistSpec{Items: &items.Spec{Range: &items.RangeSpec{Start: 1, End: 10}}})); err != nil {
		t.Fatal(err)
	}
	claim, err := s.Claim(t.Context(), "a", &v1alpha1.ClaimRequest{Worker: "w"})
	if err != nil {
		t.Fatal(err)
	}
	token := claim.Leases[0].Token
	spec := func(spec string) string {
		return `{"apiVersion":"teamtask.dev/v1alpha1","kind":"Worklist","metadata":{"name":"b"},"spec":` + spec + `}`
	}
	s.refuses(t, []badCall{
		{"no such path", "GET", "/v1/nothing", "", 404, "there is nothing at /v1/nothing"},
		{"no such list", "GET", "/v1/worklists/nothing", "", 404, "list nothing: not found"},
		{"not JSON", "POST", "/v1/worklists", "{", 400, ""},
		{"an unknown field", "POST", "/v1/worklists", spec(`{"size":1,"blokcs":{}}`), 422, "body.spec.blokcs"},
		{"a slip", "POST", "/v1/worklists", spec(`{"size":1,"blokcs":{}}`), 422, `unexpected property; did you mean \"block\"?`},
		{"a slip farther in", "POST", "/v1/worklists", spec(`{"items":{"product":[{"rnage":{}}]}}`), 422, `did you mean \"range\"?`},
		{"another kind", "POST", "/v1/worklists", strings.Replace(spec(`{"size":1}`), "Worklist", "List", 1), 422, "body.kind"},
		{"no size", "POST", "/v1/worklists", spec(`{}`), 422, "spec.size: is 0; a worklist has at least 1 item"},
		{"a negative size", "POST", "/v1/worklists", spec(`{"size":-1}`), 422, "body.spec.size"},
		{"size 2^53", "POST", "/v1/worklists", spec(`{"size":9007199254740992}`), 422, "body.spec.size"},
		{"a size that no number can hold", "POST", "/v1/worklists", spec(`{"size":1e400}`), 400, ""},
		{"items and another size", "POST", "/v1/worklists", spec(`{"size":5,"items":{"range":{"start":1,"end":4}}}`), 422, "spec.size: is 5, but there are 4 items"},
		{"items that are too many", "POST", "/v1/worklists", spec(`{"items":{"mask":{"mask":"?a?a?a?a?a?a?a?a?a?a"}}}`), 422, "59,873,693,923,837,890,625 items"},
		{"a duration without unit", "POST", "/v1/worklists", spec(`{"size":1,"block":{"timeout":"90"}}`), 422, "body.spec.block.timeout"},
		{"a negative duration", "POST", "/v1/worklists", spec(`{"size":1,"block":{"timeout":"-1s"}}`), 422, "timeout"},
		{"a name with a slash", "POST", "/v1/worklists", strings.Replace(spec(`{"size":1}`), `"b"`, `"b/c"`, 1), 422, "metadata.name"},
		{"another size for an old name", "POST", "/v1/worklists", strings.Replace(spec(`{"size":1}`), `"b"`, `"a"`, 1), 409, "exists already, with another spec"},
		{"a patch of the size", "PATCH", "/v1/worklists/a", `{"spec":{"size":5}}`, 422, "spec.size: cannot be changed"},
		{"a patch of a duration that is none", "PATCH", "/v1/worklists/a", `{"spec":{"block":{"timeout":5}}}`, 422, "spec.block.timeout: must be a duration such as 60s"},
		{"a patch of the items", "PATCH", "/v1/worklists/ten", `{"spec":{"items":{"range":{"end":20}}}}`, 422, "spec.items: cannot be changed"},
		{"other items", "PUT", "/v1/worklists/ten", strings.Replace(spec(`{"items":{"range":{"start":1,"end":20}}}`), `"b"`, `"ten"`, 1), 422, "spec.items: cannot be changed"},
		{"a patch of nothing known", "PATCH", "/v1/worklists/a", `{"spec":{"sise":5}}`, 422, `unknown field "spec.sise"; did you mean "size"?`},
		{"a patch of the name", "PATCH", "/v1/worklists/a", `{"metadata":{"name":"c"}}`, 422, "metadata.name: cannot be changed"},
		{"a claim by nobody", "POST", "/v1/worklists/a/blocks/claim", `{}`, 422, "worker"},
		{"a claim of too many", "POST", "/v1/worklists/a/blocks/claim", `{"worker":"w","blocks":100000}`, 422, "body.blocks"},
		{"a forged token", "POST", "/v1/worklists/a/blocks/complete", `{"worker":"w","token":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`, 422, "not a lease of this worklist"},
		{"another's token", "POST", "/v1/worklists/a/blocks/complete", `{"worker":"v","token":"` + token + `"}`, 422, "not a lease of this worklist held by this worker"},
		{"a foreign range", "POST", "/v1/worklists/a/blocks/complete", `{"worker":"w","token":"` + token + `","done":[{"index":5,"size":10}]}`, 422, "done [5,15) is not within the block [0,10)"},
		{"a range past all numbers", "POST", "/v1/worklists/a/blocks/complete", `{"worker":"w","token":"` + token + `","done":[{"index":9007199254740991,"size":9007199254740991}]}`, 422, "is not within the block"},
		{"an exchange with an unknown field", "POST", "/v1/worklists/a/blocks/exchange", `{"worker":"w","bloks":1}`, 422, "bloks"},
		{"an exchange by nobody", "POST", "/v1/worklists/a/blocks/exchange", `{}`, 422, "worker"},
		{"an exchange with something behind it", "POST", "/v1/worklists/a/blocks/exchange", `{"worker":"w"} {}`, 422, "behind"},
		{"a page of too many", "GET", "/v1/worklists?limit=100000", "", 422, "limit"},
		{"another method", "GET", "/v1/worklists/a/blocks/claim", "", 405, "/v1/worklists/a/blocks/claim takes POST, not GET"},
		{"no method it has", "POST", "/v1/worklists/a", "", 405, "takes GET, PUT, PATCH, DELETE, not POST"},
		{"an unknown query", "GET", "/v1/worklists?limits=1", "", 422, "limits"},
		{"a place behind the end", "GET", "/v1/worklists/a/place?index=100", "", 404, "index 100: the list has items 0 to 99"},
	})
	for _, path := range []string{"/v1/worklists", "/v1/worklists/a/blocks/exchange", "/v1/worklists/a/blocks/claim"} {
		if status, answer := s.raw(t, "POST", path, "application/json", io.LimitReader(zeros{}, 100<<20)); status != 413 {
			t.Errorf("100 MB to %s: %d %s", path, status, answer)
		}
	}
	mistaken := client.New(s.URL, "another")
	defer mistaken.Close()
	if _, err := mistaken.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "the token given is not this server's") {
		t.Errorf("with another token: %v", err)
	}
	anonymous := client.New(s.URL, "")
	defer anonymous.Close()
	if _, err := anonymous.Get(t.Context(), "a"); err == nil || !strings.Contains(err.Error(), "needs the server's token") {
		t.Errorf("without the token: %v", err)
	}

	// Nothing of it had an effect.
	wl, err := s.Get(t.Context(), "a")
	if err != nil || wl.Status.Done != 0 || wl.Status.Leased != 10 || wl.Spec.Size != 100 {
		t.Errorf("%+v, %v", wl.Status, err)
	}
	if rc, err := s.Complete(t.Context(), "a", "w", v1alpha1.Report{Token: token}); err != nil || rc.Items != 10 {
		t.Errorf("%+v, %v", rc, err)
	}
	if _, err := s.Get(t.Context(), "b"); !client.IsNotFound(err) {
		t.Errorf("a refused list exists: %v", err)
	}
}

// zeros is a body without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// The API describes itself.
func TestOpenAPI(t *testing.T) {
	s := start(t, t.TempDir())
	defer s.stop(t)
	status, doc := s.raw(t, "GET", "/openapi.json", "", nil)
	if status != 200 || !strings.Contains(doc, `"openapi":"3.1.0"`) {
		t.Fatalf("%d %.200s", status, doc)
	}
	for _, want := range []string{`"/v1/worklists/{name}/blocks/exchange"`, `"ExchangeRequest"`, `"toleratedFailures"`, `"application/problem+json"`} {
		if !strings.Contains(doc, want) {
			t.Errorf("%s is not in it", want)
		}
	}
	if status, text := s.raw(t, "GET", "/metrics", "", nil); status != 200 || !strings.Contains(text, "teamtask_worklists_created_total 0") {
		t.Errorf("metrics: %d %.300s", status, text)
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, text := s.raw(t, "GET", path, "", bytes.NewReader(nil)); status != 200 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
