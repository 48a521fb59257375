// Command teamtask shares out long lists of items among workers. See package cli.
package main

import (
	"os"

	"teamtask.dev/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
