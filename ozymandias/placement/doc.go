// Package placement decides which node has room for which instance: vector bin packing of memory, disk and processors, for a
// cluster on which things run already.
//
// # The idea
//
// [Place] keeps what runs where it runs, and finds a node for the rest. It is a pure function: whoever computes it, wherever,
// from input in whatever order, gets the same [Result]. As it says what would move and what would have to wait before
// anything is done, the same call places, previews and validates.
//
//	node     memory   runs                          db-0 asks for 9G
//	n1       10G      web-0 3G                      db-0 9G
//	n2       10G      web-1 6G                      web-1 6G, web-0 3G
//
// On a small cluster it matters little by which rule nodes are chosen; to move one or two instances, where a new one would
// not fit else, is what decides whether the last third of the machines can be used. So the rules are tried first, one after
// the other, and they are cheap: until half of all there is is in use, the node that is used least; after that, nodes are
// filled. Where they leave something without a place, a search looks for room by moving nothing, then one instance, then two,
// and so on: the first that it finds moves the fewest.
//
// # Verdicts
//
// What is known is one of three things, and they are never blurred: it [Fits], and here is how; it is [ProvedInfeasible],
// because sums or sizes are against it or because all ways were tried; or nothing was [NotFound] within the budget, which
// counts steps and not time. What waits comes with a [Refusal], which says in figures and in words what was asked, what
// is free, what stands in the way on each node, and the cheapest change that would help.
//
// [WithoutEach] answers ahead of time what would be lost with each node.
//
// # How it is made
//
// Names are turned into numbers, in orders that do not depend on the input (problem.go, kind.go), and it is noted what runs where
// and what of it has to leave (home.go). Then, in the order of place.go, what has no place is placed by the rules (rules.go;
// tally.go for keeping clear of others of the job), and what these leave over by the search (search.go; option.go for where an
// instance could go, and what would have to make room for it there), unless there is a shorter proof against it (bound.go), or
// else in the place of lower priorities (displace.go). Then names come back (result.go, refusal.go, words.go). What
// the loss of a node would mean is found in the same way: what is there is placed again, without that node (loss.go).
package placement
