package assignments

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
)

const (
	// answerTimeout is how long a pod has to answer. Others wait meanwhile.
	answerTimeout = 2 * time.Second
	// longestAnswer is how much of an answer is read: k8s-swarm's workers tell their jobs as well, which fit in a ConfigMap.
	longestAnswer = 1 << 20
)

// pods asks pods. It goes nowhere but to the address it is given: through no proxy, and after no redirect.
var pods = &http.Client{
	Timeout:       answerTimeout,
	Transport:     &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// askVersion asks a pod which version it runs.
func askVersion(ctx context.Context, address string, from v1alpha1.VersionSource) *Answer {
	path := from.Path
	if path == "" {
		path = "/version"
	}
	where := "http://" + net.JoinHostPort(address, strconv.Itoa(int(from.Port))) + path
	version, err := get(ctx, where)
	if err != nil {
		return &Answer{Trouble: fmt.Sprintf("GET %s: %v", where, err)}
	}
	return &Answer{Version: version}
}

func get(ctx context.Context, where string) (version int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return 0, err
	}
	resp, err := pods.Do(req)
	if err != nil {
		if u := (*url.Error)(nil); errors.As(err, &u) {
			if u.Timeout() {
				return 0, fmt.Errorf("no answer within %s", answerTimeout)
			}
			err = u.Err
		}
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // without the port that was called from, which is another one each time
		}
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the answer is %s, and must be 200 OK", resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, longestAnswer+1))
	switch {
	case err != nil:
		return 0, errors.New("the answer breaks off")
	case len(body) > longestAnswer:
		return 0, fmt.Errorf("the answer has more than %d bytes", longestAnswer)
	}
	return parseVersion(body)
}

// parseVersion reads an answer: a number, or JSON or YAML that has it as version. Nothing else of it is ever shown to anybody.
func parseVersion(body []byte) (int64, error) {
	if n, err := strconv.ParseInt(string(bytes.TrimSpace(body)), 10, 64); err == nil && n >= 0 {
		return n, nil
	}
	var said struct {
		Version *int64 `json:"version"`
	}
	if err := yaml.Unmarshal(body, &said); err != nil || said.Version == nil || *said.Version < 0 {
		return 0, errors.New("the answer is no version: it must be a number, or JSON or YAML with a number version")
	}
	return *said.Version, nil
}
