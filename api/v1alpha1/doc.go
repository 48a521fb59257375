// Package v1alpha1 is the vocabulary of Teamtask: the resources people write in manifests and the messages that workers
// and List servers exchange. One set of types serves the REST API and the command line, and has the form that Kubernetes
// needs, so that a manifest means the same everywhere.
//
// The resources ([Worklist], [Block]) have the shape of Kubernetes objects: apiVersion, kind, metadata, spec (what the
// user wants) and status (what the system found). The messages ([ExchangeRequest] and its kin) are plain JSON.
//
// Beside the types there is what follows from them alone: validation, their form in package worklist, and checking a
// certificate. Defaults are those of package worklist's Policy. Ranges are given as index and size, durations as Go durations
// ("90s"), sizes as Kubernetes quantities ("64Mi").
//
// +groupName=teamtask.dev
// +versionName=v1alpha1
package v1alpha1
