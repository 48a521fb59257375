// Package server is the List server: it gives the ledger of package worklist a durable state and a clock, and puts the
// REST API in front of it.
//
// # The engine
//
// Each worklist that this server owns has a keeper: the ledger under a lock, and one goroutine that commits. A call changes
// the ledger in memory, then waits for the commit that holds its news. While one commit is under way the next one
// gathers, so many completions share one write to the store, and the busier the server the more of them do. When a commit
// fails the keeper gives up its ledger; the next call takes the record over from the store, exactly as after a crash.
//
// # Several servers
//
// On a shared etcd each list, and each swarm, has one owner, and every server answers for all of them: it passes calls on to the
// owner, or becomes the owner where there is none. See holdings.go, owners.go.
//
// # Swarms
//
// Of a swarm that this server owns it has an engine, which is the subject of package swarms below.
//
// # Tiers
//
// A [Tier] is the same keeper with another journal: its commit is an exchange with its upstream, of which it shares out
// blocks. supply.go keeps it in blocks, upstream.go turns in what is done.
//
// # The door
//
// The REST API under /v1 is made with huma, which serves the OpenAPI document at /openapi.json; errors are problem details
// (RFC 9457). The door checks form: what a message may hold, and what of a manifest may change. Who gets which item, and what
// counts, is the ledger's alone to say.
package server
