// Package blocks is the engine that takes Blocks back: from workers that are not heard of any more, and when they are deleted.
//
// A worker renews its lease by changing status.renewTime. Only that it changes counts, and when this controller saw it change,
// by its own clock: workers' clocks may be wrong. So a controller that begins anew gives every worker the full time once more.
//
// Blocks are watched, and all of them are read once more every half minute, one page after the other: a Block that the watch has
// missed would never be taken back. While they cannot be read because the API server is away, nobody is silent: workers cannot be
// heard either, and have their full time once it is back.
//
// That a lease ran out is one write to the Block, if it is still the one that was looked at. So is what the worker writes of it:
// whoever is first wins, and the other gets a conflict.
package blocks
