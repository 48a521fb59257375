package server

import (
	"errors"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"teamtask.dev/client"
)

// What went wrong at a tier's upstream: who should ask again is told so, and who need not is not.
func TestProblemsOfAnUpstream(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{&client.Problem{Status: 404, Detail: "list x: not found"}, 404},
		{&client.Problem{Status: 401, Detail: "the token given is not this server's"}, 500},
		{&client.Problem{Status: 503, Detail: "the list is being taken over"}, 503},
		{errors.New("connection refused"), 503},
	} {
		var got huma.StatusError
		if err := problem(&upstreamError{c.err}); !errors.As(err, &got) || got.GetStatus() != c.want {
			t.Errorf("%v: %v, want %d", c.err, err, c.want)
		}
	}
}
