// Package ingress is the way in from outside, on every node: HTTP by host, HTTPS, and TCP by port, to healthy instances wherever they
// run.
//
// A [Server] is given a [routes.Table] whenever the cluster's state changes, and goes by it from the next request or connection on.
//
// # Which instance
//
// Of two taken at random, the one with less under way from this node (the power of two choices: Mitzenmacher, IEEE TPDS 12(10),
// 2001). An instance on the same node is not preferred: people expect as much load on each instance as on the others, wherever
// the requests come in. One that could not be reached is spared for a few seconds while there are others.
//
// # Trying again
//
// A request that was not sent, as no connection came about, goes to another instance, whatever it is. One that was sent, but got no
// answer because the connection broke, does so only if it has no body and can be repeated without harm (GET, HEAD, OPTIONS, TRACE,
// PUT, DELETE: RFC 9110, 9.2.2). Three instances are tried at most.
//
// A machine that is lost breaks no connection, as it says nothing. So connections to instances are looked at: one whose other end does
// not acknowledge what it is sent is given up, and the requests on it are tried again like those on any that broke.
//
// # Which protocol
//
// An instance gets gRPC by HTTP/2 without TLS, as there is no gRPC without HTTP/2, and all else by HTTP/1.1, whatever the client speaks.
//
// # Ending
//
// What is under way is never cut because the table changes: an instance that leaves the table ends what it has in hand, and WebSockets
// and TCP connections end with it. Only the server's own end cuts them, after a while in which they may end by themselves.
//
// # Certificates
//
// A host has the one in the secret that its job names, or one by ACME. There the nodes share one account, certificates and
// challenges in etcd, encrypted, so that it does not matter which node asks for a certificate and which one the authority then
// turns to. A certificate that could not be had is asked for again after a pause that all nodes keep: authorities allow few failures per hour.
package ingress
