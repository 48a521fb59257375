// Package api is Ozymandias' REST API, which every node serves: jobs, instances, nodes, logs, commands in containers.
//
// It holds no state and no rule. What is asked is read from the node's copy of the cluster's state; a change is handed to package
// scheduler, which decides what follows from it and writes both in one transaction, so that whoever is answered knows what the change came
// to. What only the node knows that has an instance, such as its log, that node answers; any other passes the
// call on.
//
// Errors are problem details (RFC 9457); docs/errors.md tells of each type. The API is described at /openapi.json.
package api
