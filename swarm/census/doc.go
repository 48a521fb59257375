// Package census is the metrics of where Swarms stand.
//
// Swarms are kept on List servers and in Kubernetes; dashboards and alerts should not have to know which. So both show them by the
// names and labels that are written here, and docs/operations.md has them. A List server has no namespaces: it shows none, which is
// to Prometheus as if the label were not there.
package census
