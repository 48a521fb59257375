// Package explain answers why a Worklist in Kubernetes is (not) moving, or a Swarm.
//
// The answer may lie with the list itself, with another one, with the pods that should work on it, with the cluster that does
// not run them, or with the controller. [Sentences] takes what was read of all of these, [Facts], and says first, in one
// sentence, what stands in the way, and then whatever else there is to know. [SwarmSentences] does so with a Swarm. They are pure:
// who reads the facts is no matter here.
//
// What the list's own rules have to say is the ledger's to say ([worklists.Ledger], [worklist.Ledger.Explain]); this package adds
// what a ledger cannot know.
package explain
