// Package handover takes workloads from one worker to another so that no two ever have the same one.
//
// # The idea
//
// A table says who is to have what; what a worker may run is another matter as long as its old owner may run it still. Each
// worker therefore is told its part in versions, and acknowledges a version once it runs nothing that is not in it. What
// moves goes three steps, each durable before the next is taken:
//
//	revoke       the old owner's part gets a version without it
//	acknowledge  the old owner says that it runs that version, or is gone for certain
//	grant        the new owner's part gets a version with it
//
// Every grant has an epoch, which grows whenever a workload changes hands; a target that remembers the highest epoch it has
// seen can refuse whoever comes with a lower one, even a worker that was thought gone and was not (a fencing token).
//
// # How it is used
//
// The package is pure. A [Record] is what was decided and acknowledged so far; [Next] compares it with a table and makes the
// next record, and [Part.Acknowledge] takes in what a worker says. The engine around it repeats:
//
//	record := read()
//	step := handover.Next(record, table, pool, gone, handover.Safe)
//	write(step.Record) // then let the workers see their parts
//
// until a step changes nothing. It may crash between any two writes, and two engines may be at work: see [Record] for how
// it is stored.
//
// # What a worker must do
//
//   - Run what the latest version that it has seen grants, and nothing else.
//   - Acknowledge a version only once everything that is not in it has stopped, and never go back to an older one.
//   - Stop everything when it can no longer be sure that it is not thought gone: when its lease runs out.
package handover
