// Package kube is Kubernetes as the upstream of a tier: Block objects are the large blocks that it claims and shares out.
//
// A worker could speak to a List server's REST API only. Here a Worklist object stands for the list, and to ask for work is to
// create a Block object; the controller gives it a range, the worker writes what it has done into the Block's status, and the
// controller merges that and gives the Block its next range. [Upstream] makes of this the three calls that a tier needs, so
// everything else (small blocks, retries, splitting, `{start}` and `{end}`) is the tier's, the same as before a List server:
//
//	up, err := kube.New(kube.Options{Client: c, Namespace: "default", List: "primes", Worker: "pod-1"})
//	tier, err := server.NewTier(ctx, server.TierOptions{Upstream: up, List: "primes", Name: "pod-1"})
//
// # Leases
//
// A lease is a Block's UID and its turn, which counts the ranges that the Block was given. While a turn lasts nobody but its
// worker writes done, failed and found into the status, and each write is for the version that was read; the controller may end
// the turn at any time by a write of its own. Whoever writes first wins. So a worker's write may be repeated until it lands,
// or until the turn is seen to be over: then it is refused, unless the list's record has all of it.
//
// # Trouble
//
// What passes is waited for: an API server that is away or has too much to do, a quota that is used up. A status that it refuses
// for good costs its Block alone, whose items have failed then, and are tried again in smaller Blocks. A process that dies leaves
// its Blocks held until their leases run out, unless it starts anew in its pod and calls [Recover].
//
// # Cost
//
// The API server belongs to somebody. A range costs it one write of ours if it is done before its lease is half over; a renewal
// carries along what was done meanwhile. The Worklist, which changes with every range of everybody, is not watched while there
// is work, but read now and then; only the worker's own Blocks are watched.
package kube
