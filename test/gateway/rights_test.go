package gateway_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// What callers may do is what they themselves may do, list by list and namespace by namespace. Whoever may not is not told
// whether there is such a list.
func TestRights(t *testing.T) {
	s, other := newSite(t), newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("a.b-1", 5000, nil)
	other.create("a.b-1", 5000, nil)
	tokens := map[string]string{
		"nobody":   "",
		"unknown":  "not-a-token",
		"stranger": s.account("stranger", ""),
		"viewer":   s.account("viewer", "get, list"),
		"worker":   s.account("worker", "work"),
		"one":      s.account("one", "work, get", "a.b-1"),
		"both":     s.account("both", "get, list, work"),
	}
	const lists, one, absent = "/v1/worklists", "/v1/worklists/a.b-1", "/v1/worklists/absent"
	elsewhere := "/namespaces/" + other.namespace
	for _, c := range []struct {
		who, method, path string
		want              int
	}{
		{"nobody", "GET", lists, 401}, {"nobody", "POST", one + "/blocks/claim", 401},
		{"unknown", "GET", lists, 401}, {"unknown", "GET", absent, 401},
		{"stranger", "GET", lists, 403}, {"stranger", "GET", one, 403}, {"stranger", "GET", absent, 403}, {"stranger", "GET", one + "/events", 403},
		{"stranger", "POST", one + "/blocks/claim", 403}, {"stranger", "POST", absent + "/blocks/claim", 403},
		{"stranger", "GET", "/namespaces/absent/v1/worklists", 403}, {"stranger", "GET", "/namespaces/UNFIT/v1/worklists", 403},
		{"viewer", "GET", lists, 200}, {"viewer", "GET", one, 200}, {"viewer", "GET", absent, 404}, {"viewer", "GET", "/v1/worklists/UNFIT", 404},
		{"viewer", "GET", one + "/blocks", 200}, {"viewer", "GET", one + "/explanation", 200}, {"viewer", "GET", absent + "/explanation", 404},
		{"viewer", "GET", absent + "/events", 404}, {"viewer", "POST", one + "/blocks/claim", 403}, {"viewer", "POST", one + "/blocks/exchange", 403},
		{"viewer", "GET", elsewhere + lists, 403}, {"viewer", "GET", elsewhere + one, 403},
		{"viewer", "GET", lists + "?limit=0", 422}, {"viewer", "GET", lists + "?limit=1001", 422}, {"viewer", "GET", lists + "?continue=nonsense", 400},
		{"worker", "GET", one, 403}, {"worker", "GET", lists, 403}, {"worker", "GET", one + "/blocks", 403},
		{"worker", "POST", one + "/blocks/claim", 200}, {"worker", "POST", absent + "/blocks/claim", 404}, {"worker", "POST", elsewhere + one + "/blocks/claim", 403},
		{"worker", "POST", "/v1/worklists/a%2Fb/blocks/claim", 404}, {"worker", "POST", one + "/blocks/claim/", 404},
		{"one", "GET", one, 200}, {"one", "GET", absent, 403}, {"one", "GET", lists, 403},
		{"one", "POST", one + "/blocks/claim", 200}, {"one", "POST", absent + "/blocks/claim", 403},
		{"both", "GET", "/namespaces/" + s.namespace + one, 200}, {"both", "POST", "/namespaces/" + s.namespace + one + "/blocks/claim", 200},
		{"both", "POST", lists, 405}, {"both", "PUT", one, 405}, {"both", "PATCH", one, 405}, {"both", "DELETE", one, 405}, {"both", "GET", one + "/blocks/claim", 405},
		{"both", "POST", "/v1/claim", 404}, {"both", "GET", one + "/results", 404}, {"both", "POST", one + "/blocks/nonsense", 404}, {"both", "GET", "/", 404},
	} {
		body := ""
		if c.method == "POST" {
			body = claim
		}
		a := d.call(c.method, c.path, tokens[c.who], body)
		if a.status != c.want {
			t.Errorf("%s: %s %s: %d, want %d: %s", c.who, c.method, c.path, a.status, c.want, a.body)
		}
		switch a.status {
		case http.StatusUnauthorized:
			if a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %s %s: no header says how to authenticate", c.who, c.method, c.path)
			}
		case http.StatusMethodNotAllowed:
			if a.header.Get("Allow") == "" {
				t.Errorf("%s: %s %s: no header says what is allowed", c.who, c.method, c.path)
			}
		}
	}
	// The words are the same, whether there is such a list or not.
	here := strings.ReplaceAll(d.call("GET", one, tokens["stranger"], "").body, "a.b-1", "LIST")
	if there := strings.ReplaceAll(d.call("GET", absent, tokens["stranger"], "").body, "absent", "LIST"); here != there {
		t.Errorf("a list that is there: %s\none that is not: %s", here, there)
	}
}

// A token is a token by its scheme, and others' passwords are shown to nobody.
func TestOtherSchemes(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	token := s.account("viewer", "list")
	for header, want := range map[string]int{"Bearer " + token: 200, "bearer " + token: 200, token: 401, "Basic " + token: 401} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", d.url+"/v1/worklists", nil)
		s.must(err)
		req.Header.Set("Authorization", header)
		resp, err := http.DefaultClient.Do(req)
		s.must(err)
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%.10s...: %d, want %d", header, resp.StatusCode, want)
		}
	}
}

// A right that is taken counts no more after a while. Until it is sure that it is gone for good workers are told to ask again;
// then it is a refusal. In between nothing is handed out.
func TestRevoked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 1_000_000, nil)
	for name, what := range map[string]string{"the right": "rolebinding", "the account": "serviceaccount"} {
		token := s.account("loses-"+what, "work")
		if a := d.call("POST", "/v1/worklists/primes/blocks/claim", token, claim); a.status != 200 {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
		_, err := running.Kubectl(t.Context(), "delete", what, "loses-"+what, "--namespace", s.namespace)
		s.must(err)
		refused, doubted := false, false
		s.until(name+" is refused", func() bool {
			switch a := d.call("POST", "/v1/worklists/primes/blocks/claim", token, claim); a.status {
			case 200:
				if doubted {
					t.Fatalf("%s: work was handed out after it was refused", name)
				}
			case 503:
				doubted = true
			case 401, 403:
				refused = true
			default:
				t.Fatalf("%d %s", a.status, a.body)
			}
			return refused
		})
		if !doubted {
			t.Errorf("%s: a worker was never told to ask again", name)
		}
	}
}

// Looking at a list does not have the gateway share it out, and makes no Block.
func TestLookingMakesNothing(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 5000, nil)
	token := s.account("viewer", "get, list")
	for _, path := range []string{"", "/blocks", "/explanation"} {
		if a := d.call("GET", "/v1/worklists/primes"+path, token, ""); a.status != 200 {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if n := d.metric("teamtask_gateway_worklists "); n != 0 {
		t.Errorf("%v lists are shared out", n)
	}
	if n := d.metric("teamtask_gateway_writes_total "); n != 0 {
		t.Errorf("%v writes", n)
	}
}

// Lists that are not there, or cannot be shared out, leave nothing behind in the gateway.
func TestAbsentListsLeaveNothing(t *testing.T) {
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	token := s.account("worker", "work")
	for _, name := range []string{"a", "b", "c"} {
		if a := d.call("POST", "/v1/worklists/"+name+"/blocks/claim", token, claim); a.status != 404 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if n := d.metric("teamtask_gateway_worklists "); n != 0 {
		t.Errorf("%v lists are shared out", n)
	}
}

// The gateway says what it lacks itself, does not blame the caller, and goes on once it is given the right.
func TestGatewayLacksRights(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.create("primes", 5000, nil)
	token := s.account("worker", "work, get")
	poor := "poor-" + s.namespace
	d := s.open(poor, nil)
	if a := d.call("GET", "/readyz", "", ""); a.status != 503 || !strings.Contains(a.problem.Detail, "tokenreviews") {
		t.Errorf("a gateway that may ask nothing: %d %s", a.status, a.body)
	}
	bind := func(role string) {
		t.Helper()
		_, err := running.Kubectl(t.Context(), "create", "clusterrolebinding", poor+"-"+role, "--clusterrole", role, "--user", poor)
		s.must(err)
	}
	bind("teamtask-server")
	s.until("it is ready", func() bool { return d.call("GET", "/readyz", "", "").status == 200 })
	path := "/v1/worklists/primes/blocks/claim"
	if a := d.call("POST", path, token, claim); a.status != 503 || !strings.Contains(a.problem.Detail, "the gateway itself lacks a right") || !strings.Contains(a.problem.Detail, poor) {
		t.Errorf("a gateway that may not read the list: %d %s", a.status, a.body)
	}
	_, err := running.Kubectl(t.Context(), "create", "role", "reader", "--namespace", s.namespace, "--verb", "get,list,watch", "--resource", "worklists.teamtask.dev,blocks.teamtask.dev")
	s.must(err)
	_, err = running.Kubectl(t.Context(), "create", "rolebinding", "reader", "--namespace", s.namespace, "--role", "reader", "--user", poor)
	s.must(err)
	s.until("it is told that no Block can be made", func() bool {
		a := d.call("POST", path, token, `{"worker":"w","wait":"1s"}`)
		return a.status == 503 && strings.Contains(a.problem.Detail, "create blocks")
	})
	bind("teamtask-worker")
	s.until("there is work", func() bool {
		a := d.call("POST", path, token, `{"worker":"w","wait":"1s"}`)
		return a.status == 200 && strings.Contains(a.body, `"token"`)
	})
}

// A gateway that stops refuses calls in a way that workers repeat, those that wait as well, and gives back what it has.
func TestClose(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	d := s.open(gatewayUser, nil)
	s.create("primes", 1000, nil)
	token := s.account("worker", "work, get")
	if a := d.call("POST", "/v1/worklists/primes/blocks/claim", token, `{"worker":"a","wait":"60s"}`); a.status != 200 || !strings.Contains(a.body, `"token"`) {
		t.Fatalf("%d %s", a.status, a.body)
	}
	waiting := make(chan answer)
	go func() {
		waiting <- d.call("POST", "/v1/worklists/primes/blocks/claim", token, `{"worker":"b","wait":"60s"}`)
	}()
	events, err := d.stream("/v1/worklists/primes/events", token)
	s.must(err)
	defer events.Close()
	s.until("two calls are under way", func() bool { return d.metric("teamtask_gateway_calls_in_flight ") == 2 })
	s.must(d.gateway.Close(t.Context()))
	if a := <-waiting; a.status != 503 {
		t.Errorf("a call that waited: %d %s", a.status, a.body)
	}
	if text, err := io.ReadAll(events); err != nil || !strings.Contains(string(text), "event: gone") {
		t.Errorf("a stream of events: %s, %v", text, err)
	}
	for _, path := range []string{"/v1/worklists/primes/blocks/claim", "/v1/worklists/other/blocks/claim"} {
		if a := d.call("POST", path, token, claim); a.status != 503 || a.header.Get("Retry-After") == "" {
			t.Errorf("a call that comes later: %d %s", a.status, a.body)
		}
	}
	if a := d.call("GET", "/readyz", "", ""); a.status != 503 {
		t.Errorf("it says that it is ready: %s", a.body)
	}
	if a := d.call("GET", "/healthz", "", ""); a.status != 200 {
		t.Errorf("it says that it is not alive: %s", a.body)
	}
	s.until("all is given back", func() bool { return len(s.blocks()) == 0 && s.list("primes").Status.Leased == 0 })
}
