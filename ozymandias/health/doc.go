// Package health asks a container again and again whether it is well, over HTTP or TCP or by a command in it, and says so when that
// changes. The node itself asks: podman's own healthchecks need systemd's timers, which not every machine has.
//
// A container begins as neither well nor unwell. What follows from the thresholds is in [Watch]; the rules beyond them are these.
//
//   - As long as a container has not been found well it is asked once a second, however long its interval, so that it gets requests as
//     soon as it can take them; over HTTP and TCP, a few times more in the first second. Of these checks only one in each interval can
//     count against it, the first an interval after the start.
//   - The start period ends with the first verdict that the container is well: what was well once is not starting any more,
//     also when the node's process was started anew since.
//   - A check that could not be made (podman does not answer, or has not begun the command in time, or the node itself was held up) tells
//     nothing. It counts against a container only if none has ever succeeded, so that people learn why there is no success.
//   - Time is that of time.Now's monotonic clock, which stands still while the machine sleeps, as containers do: when it wakes, nobody
//     is late and no missed checks are made up for.
package health
