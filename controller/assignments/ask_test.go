package assignments

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// What pods answer, and what is made of it.
func TestAsk(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write([]byte("7")) }))
	defer elsewhere.Close()
	for _, c := range []struct {
		what, body string
		status     int
		version    int64
		trouble    string
	}{
		{"a number", "7\n", 200, 7, ""},
		{"JSON", `{"version": 7, "jobs": ["a"]}`, 200, 7, ""},
		{"YAML", "jobs:\n- a\nversion: 7\n", 200, 7, ""},
		{"nothing", "", 200, 0, "the answer is no version"},
		{"no version", `{"jobs": ["a"]}`, 200, 0, "the answer is no version"},
		{"words", "secret of another program", 200, 0, "the answer is no version"},
		{"less than nothing", "-1", 200, 0, "the answer is no version"},
		{"a fraction", `{"version": 7.5}`, 200, 0, "the answer is no version"},
		{"more than fits", "99999999999999999999", 200, 0, "the answer is no version"},
		{"too much", strings.Repeat(" ", longestAnswer) + "7", 200, 0, "the answer has more than 1048576 bytes"},
		{"an error", "7", 500, 0, "the answer is 500 Internal Server Error, and must be 200 OK"},
		{"go elsewhere", "7", 302, 0, "the answer is 302 Found, and must be 200 OK"},
	} {
		t.Run(c.what, func(t *testing.T) {
			pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodGet || r.URL.String() != "/version?of=jobs" {
					t.Errorf("%s %s", r.Method, r.URL)
				}
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(c.status)
				w.Write([]byte(c.body))
			}))
			defer pod.Close()
			host, port := split(t, pod.Listener.Addr())
			got := askVersion(t.Context(), host, v1alpha1.VersionSource{Port: port, Path: "/version?of=jobs"})
			if got.Version != c.version || (got.Trouble == "") != (c.trouble == "") || !strings.Contains(got.Trouble, c.trouble) || strings.Contains(got.Trouble, "secret") {
				t.Errorf("%d, %q; want %d, %q", got.Version, got.Trouble, c.version, c.trouble)
			}
		})
	}
}

// Who does not listen is no trouble for others, and the words are the same each time: they stand in a status.
func TestAskNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port := split(t, l.Addr())
	l.Close()
	first := askVersion(t.Context(), host, v1alpha1.VersionSource{Port: port})
	if second := askVersion(t.Context(), host, v1alpha1.VersionSource{Port: port}); first.Trouble == "" || *first != *second {
		t.Errorf("%q, then %q", first.Trouble, second.Trouble)
	}
}

func split(t *testing.T, a net.Addr) (host string, port int32) {
	t.Helper()
	host, text, err := net.SplitHostPort(a.String())
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return host, int32(n)
}

// Whatever a pod answers is either a version or a refusal.
func FuzzVersion(f *testing.F) {
	for _, s := range []string{"7", `{"version":7}`, "version: 7", "- version", "a: &a [*a]", "version: !!int 7", "version: 0x7", "\xff", "{", "version: 1e3"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if v, err := parseVersion(body); v < 0 || err != nil && v != 0 {
			t.Errorf("%d, %v", v, err)
		}
	})
}
