package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// ask asks once, and returns what was answered.
func ask(ctx context.Context, c *http.Client, method, url, host string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	r.Host = host
	answer, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", url, answer.Status, strings.TrimSpace(string(text)))
	}
	return string(text), err
}

// A load is what came of asking again and again.
type load struct {
	took   []time.Duration
	failed map[string]int // by what was wrong
	during time.Duration
}

func (l load) failures() (n int) {
	for _, times := range l.failed {
		n += times
	}
	return n
}

// keepAsking asks the URLs in turn, n at a time, until ctx ends; what has been begun is finished. Each waits for the pause before it asks
// again.
func keepAsking(ctx context.Context, c *http.Client, urls []string, host string, n int, pause time.Duration) load {
	begun := time.Now()
	l := load{failed: map[string]int{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	for asker := range n {
		all.Go(func() {
			var took []time.Duration
			for i := asker; ctx.Err() == nil; i++ {
				one, over := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
				start := time.Now()
				_, err := ask(one, c, http.MethodGet, urls[i%len(urls)], host)
				took = append(took, time.Since(start))
				over()
				if err != nil {
					mu.Lock()
					l.failed[err.Error()]++
					mu.Unlock()
				}
				if pause > 0 {
					select {
					case <-ctx.Done():
					case <-time.After(pause):
					}
				}
			}
			mu.Lock()
			defer mu.Unlock()
			l.took = append(l.took, took...)
		})
	}
	all.Wait()
	l.during = time.Since(begun)
	return l
}
