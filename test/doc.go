// Package test holds the tests that run the real programs: several processes, killed, stopped and cut off from each other.
package test
