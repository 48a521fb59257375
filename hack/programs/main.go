// Command programs builds what Ozymandias runs beside itself, CoreDNS and flannel, with Go, once for each version, into the user's cache; and puts it
// into a directory, if one is named.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
)

func main() {
	if len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "usage: programs [DIRECTORY]")
		os.Exit(2)
	}
	for _, source := range []program.Source{program.CoreDNS, program.Flannel} {
		built, err := programtest.Build(source)
		if err == nil && len(os.Args) == 2 {
			err = put(built, os.Args[1])
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "programs:", err)
			os.Exit(1)
		}
	}
}

// put copies a program: not a link, as bin/ is to be copied to other machines.
func put(built, dir string) error {
	if out, err := exec.Command("install", "-m", "755", built, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("put %s into %s: %w: %s", built, dir, err, out)
	}
	return nil
}
