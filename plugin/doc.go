// Package plugin is `kubectl teamtask`: what kubectl itself cannot say of Worklists and Swarms, or do to them in one word.
//
// The words and the layout are those of `teamtask describe`, `teamtask explain` and so on, which are about those on a List
// server. kubectl finds the program by its name, kubectl-teamtask, on the PATH, and the names of lists for the shell by
// kubectl_complete-teamtask beside it.
package plugin
