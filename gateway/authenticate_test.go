package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// Only what follows the scheme Bearer is a token: nothing else is shown to the API server.
func TestBearer(t *testing.T) {
	for _, c := range [][2]string{
		{"Bearer abc", "abc"}, {"bearer abc", "abc"}, {"Bearer  abc ", "abc"},
		{"", ""}, {"abc", ""}, {"Bearer", ""}, {"Bearer ", ""}, {"Basic abc", ""}, {"Bearerabc", ""},
		{"Bearer " + strings.Repeat("a", longestToken), strings.Repeat("a", longestToken)}, {"Bearer " + strings.Repeat("a", longestToken+1), ""},
	} {
		r := &http.Request{Header: http.Header{"Authorization": {c[0]}}}
		if got := bearer(r); got != c[1] {
			t.Errorf("%.40q: %.40q, want %.40q", c[0], got, c[1])
		}
	}
}
