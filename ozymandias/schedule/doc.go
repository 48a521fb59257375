// Package schedule decides what every node is to run: from the state of the whole to the next plans.
//
// # The idea
//
// There is no master. Any node reads the state, calls [Decide], and writes what it says in one transaction, unless another
// decision was written since; then it reads again. Decide is a pure function, so it does not matter who does this, nor that it
// may die in between: a decision leaves nothing half done that only its maker knows of.
//
//	state := read()
//	decision, err := schedule.Decide(state, now)
//	write(decision)          // if the head still has state.Version
//	wait for news, or until decision.Again
//
// Written, a decision is followed by none until there is news; rarely, where priorities took room from others, by one or two that
// make a better use of what is left.
//
// # One of each
//
// An instance that moves is taken from one plan and put in another by the same decision; there it waits for the first (decision
// 9 of docs/adr). A plan remembers what was taken out of it ([Leaving]) until its node has said that it is gone, so that
// whoever decides next, and puts the instance somewhere else again, knows all the places where it may still run. Each place
// has a greater epoch than the one before.
//
// A plan is for one incarnation of its node. One that comes back finds a plan for its predecessor and runs nothing of it: so it does
// not matter who is first, the node that came back or the one that decided, on an older view, to place its instances
// elsewhere.
//
// [Free] and [State.WaitsFor] are the same rules for the node that is to start an instance.
//
// # What is decided
//
//   - Which instances there are to be: ordinals 0 to n-1, the highest go first; of a daemon one on each node; none that has ended.
//   - Which revision each is to run: package rollout; how a deploy goes, fails and is taken back is in deploy.go.
//   - Where: package placement. What is taken from it or added to it here: local volumes keep an instance to its node as long as
//     it fits there, sticky ones come what may (sticky.go); shared volumes keep a job together (volumes.go); ports of the node
//     exclude each other (ports.go); what has not stopped yet holds its room (place.go); nodes are drained, and left for other
//     reasons, by and by, daemons last (want.go). A node that lives and can run nothing is treated as if it was draining.
//   - What is waited for, when most nodes are lost at once (outage.go).
//   - What is moved though it could stay, a few at a time, when all is quiet: from full nodes to empty ones, and from overloaded ones
//     (balance.go).
//   - What is left out, as it is more than can be added up: one odd size is not to stop everything (odd.go).
//   - What people are told of all that.
//
// A decision that is too large for one transaction is written in parts ([Decision.First]). [Stale] says which volumes are left over.
//
// # Time
//
// The clocks of machines differ, and are set. Of the time that it is given, Decide only notes it for people, and says from there when to
// look again. What it decides by are times that whoever calls it has counted on a clock of its own: [Node.Away], [Node.Steady],
// [Node.Overloaded] and [Job.Waited].
//
// [Preview] says where a change would lead, and [Losses] what the loss of each node would mean.
package schedule
