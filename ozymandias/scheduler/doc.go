// Package scheduler takes decisions on a node: it reads the state, has [schedule.Decide] say what follows, and writes that, unless another
// node was first.
//
// All nodes do so all the time, and all would decide the same. To spare them from doing the same work only for one to win, each waits a
// little before it decides, and each for another time: the node whose turn it is not at all, so that a decision usually finds nobody
// else at it, and the others take over within a moment if that node is slow or dead. Whose turn it is changes with each decision.
//
// What people want done is decided in the same way: [Scheduler.Apply] changes the state as it was read, and writes that with what follows.
package scheduler
