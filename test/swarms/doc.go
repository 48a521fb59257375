// Package swarms holds the controllers of Swarms against a real API server while everything goes wrong that can: managers are killed
// after any of their writes, answers are lost, watches stall, and two managers both believe that they lead.
//
// The managers run in this process; what goes wrong does so on their way to the API server (package chaos). Workers are
// goroutines that do as an agent does at the Kubernetes API (worker_test.go). Each writes down what it runs the moment it starts and
// stops it (owners_test.go): the test fails the moment that two run one workload, or that an epoch does not grow. A watch of its
// own sees every version of every Assignment, and fails the test where what they say would allow that (watcher_test.go).
package swarms
