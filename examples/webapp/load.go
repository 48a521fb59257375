package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// get asks once.
func get(ctx context.Context, url string, out io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(out, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", url, response.Status)
	}
	return nil
}

// load asks four at a time until ctx ends, and says what came of it. The error is that some failed.
func load(ctx context.Context, host string, addresses []string, out io.Writer) error {
	const atOnce, pause, patience = 4, 5 * time.Millisecond, 10 * time.Second
	var mu sync.Mutex
	asked, failed := 0, map[string]int{}
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
	ask := func(address string) error {
		// What has been begun is finished: that it is time to end is no failure.
		request, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, "http://"+address+"/", nil)
		if err != nil {
			return err
		}
		request.Host = host
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return err
		}
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", address, response.Status)
		}
		return nil
	}
	var askers sync.WaitGroup
	for asker := range atOnce {
		askers.Go(func() {
			for i := asker; ctx.Err() == nil; i++ {
				err := ask(addresses[i%len(addresses)])
				mu.Lock()
				asked++
				if err != nil {
					failed[err.Error()]++
				}
				mu.Unlock()
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	askers.Wait()
	sum := 0
	for why, times := range failed {
		sum += times
		fmt.Fprintf(out, "%6d failed: %s\n", times, why)
	}
	fmt.Fprintf(out, "%d requests, %d failed\n", asked, sum)
	if sum > 0 {
		return fmt.Errorf("%d of %d requests failed", sum, asked)
	}
	return nil
}
