package text_test

import (
	"fmt"

	"teamtask.dev/cli/text"
)

// Numbers are written for people.
func Example() {
	fmt.Println(text.Number(1_000_000, "item is", "items are"), "done, at", text.Rate(12_345))
	// Output: 1,000,000 items are done, at 12.3k/s
}
