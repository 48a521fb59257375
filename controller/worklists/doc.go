// Package worklists is the engine that shares out Worklists on Kubernetes: which range goes to which Block, and what becomes
// of the Blocks that are finished.
//
// The rules are those of package worklist. For each decision a ledger is made anew from the objects as they are: the
// record from the Worklist's status, the leases from its Blocks ([Decide], which is pure). Then the decision is written down,
// in an order that makes it safe wherever it stops, and whoever else believes to be in charge at the same time:
//
//  1. The Worklist is read, then its Blocks, both live. So what is handed out, by the record, and in no Block is nobody's.
//  2. The Worklist's status is written, if it is still the one that was read: what finished Blocks have done is merged, and each
//     range that goes out is noted as a handout, to a Block by its UID. Of two controllers that decide at the same time
//     one gets a conflict, forgets its decision and begins again.
//  3. Each handout is written to its Block, if that is still the one that was read. The handout stays in the Worklist until
//     a later decision sees that the Block has it, or is gone. So a controller that stops here loses nothing, the next one
//     carries the handout out; and a write that was on its way for long either says the same or comes too late: a Block
//     that has its range, or has gone, has changed.
//  4. Blocks whose work is merged are deleted, or have been given their next range.
//
// An old Block is harmless: of a range that went out again since, the record remembers that there was an attempt more.
package worklists
