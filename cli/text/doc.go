// Package text writes worklists and swarms for people to read in a terminal.
//
// Either looks the same wherever it is kept, on a List server or in Kubernetes: the commands for both (packages cli and
// plugin) write them with the same words, in the same places.
//
//	fmt.Print(text.Describe(list, "`teamtask certificate` has all ranges"))
package text
