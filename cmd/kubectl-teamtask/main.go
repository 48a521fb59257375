// Command kubectl-teamtask is the kubectl plugin `kubectl teamtask`.
package main

import (
	"os"

	"teamtask.dev/plugin"
)

func main() { os.Exit(plugin.Main(os.Args[1:])) }
