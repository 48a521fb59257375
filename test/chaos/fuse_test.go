package chaos

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Nothing arrives after the n-th write, not even what reads; the answer to that one is delivered, or lost.
func TestFuse(t *testing.T) {
	for _, c := range []struct {
		lost bool
		want string
	}{
		{false, "GET ok, POST ok, GET ok, POST ok, GET dead, POST dead; arrived 4, blown true"},
		{true, "GET ok, POST ok, GET ok, POST dead, GET dead, POST dead; arrived 4, blown true"},
	} {
		t.Run(fmt.Sprintf("lost=%t", c.lost), func(t *testing.T) {
			arrived := 0
			server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived++ }))
			defer server.Close()
			f := NewFuse(2, c.lost, func(r *http.Request) bool { return r.Method != http.MethodGet })
			client := &http.Client{Transport: Fault(f.Fault).Wrap(http.DefaultTransport)}
			got := ""
			for i, method := range []string{"GET", "POST", "GET", "POST", "GET", "POST"} {
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
				if err != nil {
					t.Fatal(err)
				}
				end := "ok"
				if resp, err := client.Do(r); err != nil {
					end = "dead"
				} else {
					resp.Body.Close()
				}
				if i > 0 {
					got += ", "
				}
				got += method + " " + end
			}
			select {
			case <-f.Blown():
			default:
				t.Error("nobody is told that it has blown")
			}
			if got += fmt.Sprintf("; arrived %d, blown %t", arrived, f.HasBlown()); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}
