package worklist_test

import (
	"fmt"
	"time"

	"teamtask.dev/worklist"
)

// A worker takes two blocks, reports one and is lost with the other, which another worker does. The record is one range.
func Example() {
	now := time.Unix(1_000_000_000, 0)
	ledger := worklist.New(10, worklist.Policy{Blocks: worklist.BlockPolicy{Size: 5}, Lease: time.Minute})
	var record worklist.Record
	record.Size = 10
	durable := func() { // what a store does, before anything is answered
		delta := ledger.Flush()
		record.Apply(&delta)
		ledger.Confirm()
	}

	taken := ledger.Claim(now, worklist.Claim{Worker: "a", Blocks: 2})
	durable()
	ledger.Report(now, taken.Leases[0].Token(), worklist.Report{})
	durable()
	fmt.Println("done:", record.Done.Ranges(0))

	now = now.Add(time.Minute) // the other lease runs out; its block rests for a second
	ledger.Tick(now)
	now = now.Add(time.Second)
	again := ledger.Claim(now, worklist.Claim{Worker: "b"})
	late := ledger.Report(now, taken.Leases[1].Token(), worklist.Report{})
	fmt.Println("the late report is", late.Verdict)
	ledger.Report(now, again.Leases[0].Token(), worklist.Report{})
	durable()
	fmt.Println("done:", record.Done.Ranges(0), record.End.Phase)
	// Output:
	// done: [[0,5)]
	// the late report is fenced
	// done: [[0,10)] Complete
}
