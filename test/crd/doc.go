// Package crd tests Teamtask's kinds on a real API server: what it refuses and with which words, what it takes, what
// kubectl shows of it, and that programs read whatever it takes. The manifests and the answers are in testdata; run the tests
// with -update to write the answers anew.
package crd
