// Package worklist is the ledger of a long list of items: which are done, which are in whose hands, and what goes out
// next. It makes sure that every item is done, none is counted twice, and losing a worker costs only what that worker had
// in hand.
//
// # The idea
//
// A worklist is the items 0 to size-1. Workers claim blocks of it under a lease and report them done; finished blocks merge
// with their finished siblings until one range, [0,size), is left. What must survive a crash is therefore tiny, a [Record]:
//
//	next        every index below it may have been handed out
//	done        merged ranges
//	retry       ranges that failed or expired and go out again, with how often
//	failed      ranges given up on, with a reason
//	epoch       counts takeovers of the record
//	floor       leases of earlier epochs than this are void
//
// A claim writes nothing: next is reserved ahead in large steps, and a lease is a signed [Token] that the worker keeps.
// After a crash everything below next that is neither done nor failed is in doubt: its holder may still report it or renew
// its lease with the token, and what is left when the longest lease has run out is handed out again.
//
// # How it is used
//
// The package is pure: no clock, no I/O, no goroutines. A [Ledger] is changed by calls that take the time as an argument,
// and what has to become durable is collected in a [Delta]:
//
//	ledger := worklist.New(size, policy)
//	grant := ledger.Claim(now, worklist.Claim{Worker: "a", Blocks: 1})
//	receipt := ledger.Report(now, grant.Leases[0].Token(), worklist.Report{})
//	delta := ledger.Flush() // write it, then answer
//
// The engine around it (package server) writes the delta and only then answers: an acknowledged completion is a durable
// one. When a write fails, the engine drops the ledger and restores one from the store, which is the same as a crash.
//
// # Where an index can be
//
// At any moment each index is in exactly one place:
//
//	fresh     not handed out yet: at or above the cursor
//	leased    in a worker's hand
//	ready     to be handed out again
//	resting   to be handed out again after a back-off
//	doubt     was out when the record was taken over
//	done      counted
//	failed    given up on
//	elsewhere not in this ledger's hands: of a tier, what its upstream has not given it
//
// The property tests hold the ledger against a model that keeps this per index.
package worklist
