package explain_test

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/plugin/explain"
)

// A list that was made five minutes ago has not been looked at yet.
func Example() {
	now := time.Date(2026, 2, 3, 12, 0, 0, 0, time.UTC)
	list := &v1alpha1.Worklist{ObjectMeta: metav1.ObjectMeta{Name: "primes", CreationTimestamp: metav1.NewTime(now.Add(-5 * time.Minute))}}
	for _, sentence := range explain.Sentences(explain.Facts{Now: now, List: list}) {
		fmt.Println(sentence)
	}
	// Output: No controller has acted for 5m (the list is new): is teamtask-controller running?
}
