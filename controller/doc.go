// Package controller runs Teamtask's controllers on Kubernetes: small ones with strong boundaries, each looking only at its
// object and what that owns.
//
//	worklists  hands out a Worklist's items to its Blocks, and merges what they have done
//	blocks     takes Blocks back whose workers are not heard of any more
//	workers    makes the pods that work on a Worklist
//
//	swarms       says which worker of a Swarm owns which workloads
//	assignments  finds out what each worker runs, and whether it is there
//	pools        makes an Assignment for each pod of a Swarm's pool, and scales it
//
// Kubernetes is the database: there is no other state. Several replicas may run; one leads at a time, and nothing goes wrong
// where two believe that they do.
package controller
