package items_test

import (
	"fmt"

	"teamtask.dev/items"
)

func Example() {
	src, err := items.Spec{Range: &items.RangeSpec{Start: 1, End: 100, Step: 2}}.Build(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	item, _ := items.At(src, 3)
	index, _, _ := items.Index(src, "7")
	fmt.Println(src.Len(), item, index)
	// Output: 50 7 3
}

func ExampleParseArgs() {
	command, spec, err := items.ParseArgs([]string{"echo", "{1}-{2}", ":::", "a", "b", ":::", "1", "2"})
	if err != nil {
		fmt.Println(err)
		return
	}
	src, _ := spec.Build(nil)
	for item := range items.Range(src, 0, src.Len()) {
		fmt.Printf("%s ", item)
	}
	fmt.Println(command)
	// Output: a 1 a 2 b 1 b 2 [echo {1}-{2}]
}
