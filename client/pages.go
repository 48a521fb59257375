package client

import (
	"fmt"
	"iter"
	"net/url"
)

// pageOf is the path of a page with at most limit of something, after the one named.
func pageOf(path, after string, limit int) string {
	return fmt.Sprintf("%s?limit=%d&continue=%s", path, limit, url.QueryEscape(after))
}

// pages yields what is on page after page. A page is asked for by what the one before said where to go on; "" is the first.
func pages[T any](page func(after string) (items []T, next string, err error)) iter.Seq2[*T, error] {
	return func(yield func(*T, error) bool) {
		next := ""
		for {
			items, after, err := page(next)
			if err != nil {
				yield(nil, err)
				return
			}
			for i := range items {
				if !yield(&items[i], nil) {
					return
				}
			}
			if next = after; next == "" {
				return
			}
		}
	}
}
