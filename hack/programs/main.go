// Command programs puts what Ozymandias runs beside itself into a directory: CoreDNS and flannel, built with Go once for each version
// and kept in the user's cache.
package main

import (
	"fmt"
	"os"
	"os/exec"

	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: programs DIRECTORY")
		os.Exit(2)
	}
	for _, source := range []program.Source{program.CoreDNS, program.Flannel} {
		if err := put(source, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "programs:", err)
			os.Exit(1)
		}
	}
}

func put(source program.Source, dir string) error {
	built, err := programtest.Build(source)
	if err != nil {
		return err
	}
	if out, err := exec.Command("install", "-m", "755", built, dir).CombinedOutput(); err != nil { // not a link: bin/ is to be copied to other machines
		return fmt.Errorf("put %s into %s: %w: %s", source.Name, dir, err, out)
	}
	return nil
}
