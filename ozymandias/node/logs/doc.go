// Package logs keeps what the containers of a node have written that are not there any more.
//
// Podman has a container's log for as long as it has the container. An instance that has ended for good is removed at once, and takes its
// log with it, just when somebody wants to read it: the output of a batch job, the reason of a failed deploy. And a container that is
// started again would add to one and the same log, which begins anew whenever it is full, so that what it said before it crashed may be lost.
//
// So the node hands a log over to a [Store] whenever a container is removed or about to be started again. Of each container of each
// instance the last one is kept: it is "the attempt before" of what runs, and "the log" of what has ended. All are dropped with their
// job; and before that the oldest, as there are only so many bytes for all. They are links to podman's own files, so that nothing is copied,
// and therefore have to be on the same file system. Keeping them is a courtesy: nothing waits for it, and nothing fails with it.
package logs
