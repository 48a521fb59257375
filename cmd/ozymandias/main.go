// Command ozymandias runs containers on a few machines: `ozymandias node` on each of them, and everything else from anywhere. See package
// ozymandias/cli, and docs/ozymandias.md.
package main

import (
	"os"

	"teamtask.dev/ozymandias/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], nodeCommand(), backupCommand(), resetCommand(), watchdogCommand()))
}
