// Package policy has the tests of what is installed on a cluster beside the programs: roles, admission policies, flow schemas and
// the chart, against a real API server.
package policy
