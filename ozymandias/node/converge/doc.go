// Package converge decides what a node does next so that its machine agrees with its plan.
//
// It is the node without hands: it has no clock, asks nobody and waits for nothing. What is on the machine is told to a [Machine] as it
// becomes known; [Machine.Step] then says what to do, and when to look again if nothing happens until then. Whoever does it tells
// the results, in whatever order they come.
//
//	m.Adopt(pods...)                      // what an earlier process left
//	for {
//		actions, again := m.Step(...)     // from the plan, the time, and how the lease stands
//		begin(actions)
//		report(m.Report())
//		m.Done(result) or m.Verdict(...)  // or it is again
//	}
//
// For an instance only one action is under way at a time. So all that is known of it is as of the end of its last action, and no late
// answer can be taken for news.
//
// # What it promises
//
//   - Nothing of an instance is made as long as anything of another epoch of it may be there, or elsewhere ([schedule.State.WaitsFor]).
//   - What is, or may be, on the machine is in the report until it is removed, under the epoch that it was made at. So the report's
//     plan may be that of the moment: whatever else the plan had before has nothing left, and nothing that would make any.
//   - What is to stop comes to an end however podman answers: it is tried again until it is gone.
//
// Each policy has a file: order.go which container is started next, restart.go what becomes of one that ended, health.go what verdicts
// mean, stop.go how an instance ends, phase.go what people and deciders are told.
package converge
