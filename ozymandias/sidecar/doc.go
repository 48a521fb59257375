// Package sidecar is a library of ready-made containers that stand beside those of a job in each of its instances. A job asks for them by name,
//
//	sidecars: [envoy]
//
// and [Expand] replaces the names by containers, before the job is stored: from then on they are containers like all others, counted by
// placement, with a healthcheck, shown by `get`.
//
// # Envoy
//
// Envoy takes requests for other jobs on the localhost of the instance and passes them on to healthy instances of those, with another try
// if a connection fails:
//
//   - HTTP on port 15001, by Host header: `curl -H 'Host: shop' http://localhost:15001/`, or with localhost:15001 as HTTP proxy just
//     http://shop/. The host is the job's name, or the name with .ozymandias.internal.
//   - TCP on the port that the other job's ingress has: a job with `ingress: {tcp: 5432, port: 5432}` is reached at localhost:5432. One that
//     is known to be the job's own, by its ingress, healthchecks or ports, is left alone.
//
// It reaches the jobs that have an ingress, since that says which port answers and what it speaks; it goes to the instances themselves, not through
// the ingress. Which instances are healthy it learns from DNS every few seconds. Its admin page is on port 9901 of localhost, and says how many
// requests went where; port 15021 tells whether it is ready.
//
// The jobs it knows are those there were when its own job was applied: apply it again to have it know new ones. The configuration is
// on its command line, so no file has to be put in the container.
package sidecar
