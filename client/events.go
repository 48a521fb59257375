package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
)

// events yields the server-sent events of a stream (WHATWG HTML, section 9.2), as the server writes them: each with its data on one
// line. It ends with the stream, however that ends.
func events(stream io.Reader) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		event := ""
		for lines := bufio.NewReaderSize(stream, 64<<10); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			line = bytes.TrimRight(line, "\r\n")
			if kind, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
				event = string(kind)
			}
			if data, ok := bytes.CutPrefix(line, []byte("data: ")); ok && !yield(event, data) {
				return
			}
		}
	}
}

// statuses yields the events "status" of one stream, until it ends, or why it cannot be had.
func statuses[T any](ctx context.Context, c *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		resp, err := c.repeat(ctx, http.MethodGet, path, nil, "")
		if err != nil {
			yield(none, err)
			return
		}
		defer resp.Body.Close()
		for event, data := range events(resp.Body) {
			var status T
			if event == "status" && json.Unmarshal(data, &status) == nil && !yield(status, nil) {
				return
			}
		}
	}
}
