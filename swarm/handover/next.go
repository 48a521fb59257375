package handover

import "teamtask.dev/swarm"

// Mode is what matters more while a workload moves.
type Mode int

const (
	// Safe grants a workload only once no other worker may run it. A worker that does not answer holds up what it has,
	// until it is gone.
	Safe Mode = iota

	// Available grants at once. A workload may run on two workers for as long as the old one takes to stop it.
	Available
)

const (
	// MaxWriting is the most parts that one decision changes. It bounds the head of a [Record]; what is left is for the next.
	MaxWriting = 1000

	// MaxRevoked is the number of pending revocations, with those that come with the same decision, at which a worker is granted
	// nothing more until it acknowledges: without it, the part of a worker that does not answer would grow for ever, and one whose
	// workloads all change would be twice as large.
	MaxRevoked = 1000
)

// Pool is what is known of the workers.
type Pool struct {
	// Members are those to grant to: the incarnation of each, by name. It may be out of date.
	Members map[string]string

	// Gone tells that an incarnation runs nothing any more and never will again: its pod is deleted, or its lease has run out
	// and so has its own clock. It must be certain; that a cache does not have the incarnation is no proof, it may not have
	// it yet.
	Gone func(worker, incarnation string) bool
}

// Step is what [Next] decides.
type Step struct {
	Record  Record // the next record; the same as before if nothing changed
	Changed bool   // it has to be written

	Granted []Change // in order of workload, as all of these
	Revoked []Change
	Blocked []Block
}

// Change is a grant or a revocation.
type Change struct {
	Workload, Worker string
	Epoch            uint64
}

// Block is a workload that is not granted to its worker yet.
type Block struct {
	Workload, Worker string
	By               string // the worker that may run it still; "" if the worker itself is not ready: not there, or with too much to acknowledge
}

// Next brings the record as far towards the table as may be. It changes nothing that it is given, but the next record may
// share memory with it.
//
// In mode [Safe], with a record that Next made: a workload is granted or pending in one part at most, apart from those of
// incarnations that are gone. It holds in whatever order pieces of the record are written, and whoever writes them, under the
// rules of [Record]: a grant goes by what is durable, namely that no other part has the workload granted or pending, and two
// decisions that go by the same record cannot both become its head.
func Next(record Record, table swarm.Table, pool Pool, mode Mode) Step {
	d := &decision{old: record, pool: pool, mode: mode, revision: record.Revision + 1, table: table}
	if late := d.late(); len(late) > 0 {
		return d.rewrite(late)
	}
	d.findHolders()
	return d.decide()
}
