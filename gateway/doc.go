// Package gateway is the List server's REST API in front of Worklists on Kubernetes, for workers that should not touch the
// Kubernetes API, or are too many for it.
//
// For each list that somebody works on it is a tier (server.Tier): it claims large Blocks, shares them out in small ones at
// full speed, and keeps what was done of them in their status. It stores nothing, and writes at a bounded rate however many
// completions there are: a completion is answered when the write that it is in has landed. When the gateway is lost, its Blocks
// run out and go out again. What it handed out itself it alone takes back: with several gateways a worker has to stay with one.
//
// Who calls is authenticated by the API server (a TokenReview of the bearer token), or as an OpenID user. What they may do is
// decided by the API server too, by their own rights (a SubjectAccessReview): `get` on a Worklist to look at it, `work` on it to
// be given blocks. What the gateway itself may do is nobody's leave for anything. A yes is remembered for ten seconds, a no for
// two; a no that follows a yes is 503 for half a minute, so that workers outlive an API server that has just started, and then 401 or
// 403.
//
// The lists of the gateway's namespace are at /v1/worklists as with any List server, those of another one at
// /namespaces/NAMESPACE/v1/worklists: give workers https://gateway/namespaces/NAMESPACE as their server. Lists are looked at as
// the API server has them, blocks as this gateway has handed them out. /healthz answers while the process lives, /readyz while
// the API server tells it who its callers are.
package gateway
