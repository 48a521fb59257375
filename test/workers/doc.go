// Package workers holds the controller of workers against a real API server, Job controller and garbage collector. There are no
// nodes: tests play the kubelet, by saying of pods that they run or have ended, and the controller of Worklists, by saying
// where a list stands.
package workers
