// Package kubernetes has Swarms on a real API server checked by what their workers believe they own (package owners above). The
// controllers run in this process: they die at any of their writes, with its answer delivered or lost, are cut off, see nothing new for
// some time, and several lead at once.
package kubernetes
