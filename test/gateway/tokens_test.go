package gateway_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"teamtask.dev/gateway"
)

// A token that was made for somebody else to read is not taken: who holds it may pass it on.
func TestOtherAudience(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	own := s.account("viewer", "list")
	other, err := running.Kubectl(t.Context(), "create", "token", "viewer", "--namespace", s.namespace, "--audience", "vault")
	s.must(err)
	for token, want := range map[string]int{own: 200, strings.TrimSpace(other): 401, own + "x": 401, own[:len(own)-1]: 401} {
		if a := d.call("GET", "/v1/worklists", token, ""); a.status != want {
			t.Errorf("%d, want %d: %s", a.status, want, a.body)
		}
	}
}

// Nobody is somebody else by a header of theirs, not even who may impersonate at the API server: the gateway would ask with its own
// rights.
func TestNobodyImpersonates(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	token := s.account("stranger", "")
	for name, value := range map[string]string{"Impersonate-User": "admin", "Impersonate-Group": "system:masters", "X-Remote-User": "admin", "X-Remote-Group": "system:masters"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/v1/worklists", nil)
		s.must(err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set(name, value)
		resp, err := http.DefaultClient.Do(req)
		s.must(err)
		resp.Body.Close()
		if resp.StatusCode != 403 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// A name that nothing can have is not asked about, or kept: who may nothing could fill the gateway's memory with such names.
func TestLongNames(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	token := s.account("stranger", "")
	long := strings.Repeat("a", 100_000)
	for path, want := range map[string][2]int{
		"/v1/worklists/" + long[:253]:                                 {401, 403},
		"/v1/worklists/" + long[:254]:                                 {401, 404},
		"/v1/worklists/" + long + "/events":                           {401, 404},
		"/namespaces/" + long[:63] + "/v1/worklists":                  {401, 403},
		"/namespaces/" + long[:64] + "/v1/worklists":                  {401, 404},
		"/namespaces/" + long + "/v1/worklists/" + long:               {401, 404},
		"/namespaces/" + long + "/v1/worklists/primes/blocks":         {401, 404},
		"/namespaces/" + s.namespace + "/v1/worklists/" + long:        {401, 404},
		"/namespaces/" + s.namespace + "/v1/worklists/primes/" + long: {404, 404},
	} {
		for i, token := range []string{"", token} {
			if a := d.call("GET", path, token, ""); a.status != want[i] {
				t.Errorf("%.100s: %d, want %d: %.200s", path, a.status, want[i], a.body)
			}
		}
	}
}

// log is a log that is written to and read at the same time.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// Callers' tokens are in no log, however much is logged: who reads logs may not act as they.
func TestLogsHaveNoTokens(t *testing.T) {
	s := newSite(t)
	var l log
	d := s.open(gatewayUser, func(o *gateway.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&l, &slog.HandlerOptions{Level: slog.LevelDebug - 10}))
	})
	s.create("primes", 5000, nil)
	worker, unknown := s.account("worker", "work"), strings.Repeat("not-a-token", 10)
	for token, want := range map[string]int{worker: 200, unknown: 401} {
		if a := d.call("POST", "/v1/worklists/primes/blocks/claim", token, claim); a.status != want {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := d.call("GET", "/v1/worklists", worker, ""); a.status != 403 {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.must(d.gateway.Close(t.Context()))
	l.mu.Lock()
	defer l.mu.Unlock()
	text := l.text.String()
	if !strings.Contains(text, "serviceaccount:"+s.namespace+":worker") || !strings.Contains(text, "refused") {
		t.Errorf("the log does not say who called and who was refused:\n%s", text)
	}
	for _, token := range []string{worker, unknown} {
		if strings.Contains(text, token[len(token)-40:]) { // the end is what makes it good
			t.Error("a token is in the log")
		}
	}
}
