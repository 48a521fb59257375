// Package rollout says which instances of a job run which revision next, while the job goes from one revision to another.
//
// # The idea
//
// [Next] looks at the instances as they are and makes one careful step. Called again whenever something has changed, it
// comes to an end by itself: there is no process that sees a deploy through, so none can be lost on the way.
//
//	web x3, max_surge 1              0     1     2     3
//	deploy of revision 2             1     1     1     2 starts
//	3 is up                          2     1     1     2
//	0 is up                          2     2     1     2
//	1 is up                          2     2     2     2
//	2 is up                          2     2     2     goes
//
// # The rules
//
//   - An instance that is up is taken only if, without it, as many are up as are wanted, less max_unavailable.
//   - At most max_surge and max_unavailable together are on their way to the new revision and not up yet. So a revision that does not
//     come up takes down no more than these, even where others fail for reasons of their own.
//   - What is not up goes first: that costs nothing.
//   - What has no place, and not only for a moment, is not waited for: it takes no turn, and is not one of those that are wanted as long as
//     they are counted. It comes, at the new revision, once there is a place, and only then is the deploy done.
//   - What has no place at the new revision, as that needs more, stays at the one that it runs; if it has lost its place it starts at the one
//     that is known to work.
//   - What has lost its place starts at the new revision as far as these bounds allow, or something has come up there already;
//     otherwise at the one that is known to work.
//   - Instances beyond those wanted, max_surge of them, are started at the new revision and go when all that are wanted are up.
//
// Up is, for an instance of the new revision, that it has been healthy for min_healthy; for others it is enough to be healthy now.
//
// The package knows no time. Whoever calls it decides when to give up, and says so: the way back to the revision before is a
// deploy, too.
package rollout
