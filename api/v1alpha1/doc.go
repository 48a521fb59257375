// Package v1alpha1 is the vocabulary of Teamtask: the resources people write in manifests and the messages that workers
// and List servers exchange. One set of types serves the REST API, the command line and Kubernetes, so that a manifest
// that works on a laptop works with kubectl unchanged.
//
// The resources ([Worklist], [Block]) have the shape of Kubernetes objects: apiVersion, kind, metadata, spec (what the
// user wants) and status (what the system found). The messages ([ExchangeRequest] and its kin) are plain JSON.
//
// The package holds no behaviour beyond defaulting and validation. Ranges are given as index and size, durations as Go
// durations ("90s"), sizes as Kubernetes quantities ("64Mi").
package v1alpha1
