// Package gateway tests the REST API in front of Worklists (`teamtask serve --kubernetes`) on a real API server, with the real
// controllers, and with a real OpenID provider, which takes node and npm.
package gateway
