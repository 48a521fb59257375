package change_test

import (
	"encoding/json"
	"fmt"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/change"
)

// A list is paused by a patch, once.
func Example() {
	list := &v1alpha1.Worklist{}
	patch, err := json.Marshal(change.Pause.Patch())
	fmt.Printf("%q %s %v\n", change.Pause.Idle(list), patch, err)
	list.Spec.Suspend = true
	fmt.Println(change.Pause.Idle(list))
	// Output:
	// "" {"spec":{"suspend":true}} <nil>
	// is paused already
}
