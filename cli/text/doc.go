// Package text writes worklists for people to read in a terminal.
//
// A list looks the same wherever it is kept, on a List server or in Kubernetes: the commands for either (packages cli and
// plugin) write it with the same words, in the same places.
//
//	fmt.Print(text.Describe(list, "`teamtask certificate` has all ranges"))
package text
