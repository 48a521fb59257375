// Command item does the items from START to END: it tells the foreman at URL when it begins one, goes on when the answer comes,
// prints the item, and tells the foreman that it is done.
package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
)

func main() {
	if err := work(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "item:", err)
		os.Exit(1)
	}
}

func work(foreman, first, last string) error {
	start, err := strconv.Atoi(first)
	if err != nil {
		return err
	}
	end, err := strconv.Atoi(last)
	if err != nil {
		return err
	}
	worker := os.Getenv("TEAMTASK_WORKER")
	for i := start; i <= end; i++ {
		item := url.Values{"item": {strconv.Itoa(i)}, "worker": {worker}}.Encode()
		if err := tell(foreman + "/begin?" + item); err != nil {
			return err
		}
		fmt.Println("item", i)
		if err := tell(foreman + "/end?" + item); err != nil {
			return err
		}
	}
	return nil
}

func tell(url string) error {
	resp, err := http.Get(url)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	return nil
}
