// Package faults holds the controllers against a real API server while everything goes wrong that can: managers are killed after
// any of their writes, answers are lost, watches stall, and two managers both believe that they lead.
//
// The managers run in this process; what goes wrong does so on their way to the API server (package chaos). Workers are
// goroutines that do as people do at the Kubernetes API (worker_test.go), and write down what they were given and what was
// acknowledged. A watch of its own sees every version of every Block and Worklist, and fails the test the moment one breaks a
// promise (watcher_test.go): no item is in two hands, what was turned in never goes out again, what is done stays done.
package faults
