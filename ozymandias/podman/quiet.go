package podman

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Quiet waits until nothing runs of what a service with these options has started and does not wait for itself: a conmon for each container, and the
// podman that conmon starts when its container has ended, to put things away. Until then the service's directories are made anew and mounted,
// whoever removes them. An error names what still runs when ctx ends.
func Quiet(ctx context.Context, o Options) error {
	for {
		var left []string
		for _, command := range Commands() {
			program := filepath.Base(command[0])
			if (program == "conmon" || program == "podman") && slices.ContainsFunc(command, func(word string) bool { return strings.HasPrefix(word, o.Dir+"/") }) {
				left = append(left, strings.Join(command, " "))
			}
		}
		if len(left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("programs of podman still run: %s: %w", strings.Join(left, "; "), context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Commands are the command lines of all processes by their numbers, word by word. Those in a PID namespace of their own are left out: they run in a
// container, perhaps one with a whole system and a node in it, where the same paths are other files.
func Commands() map[int][]string {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	namespace := func(pid string) string {
		name, _ := os.Readlink(filepath.Join("/proc", pid, "ns/pid")) // nothing, if it has ended
		return name
	}
	own := namespace("self")
	commands := map[int][]string{}
	for _, file := range files {
		process := filepath.Base(filepath.Dir(file))
		pid, err := strconv.Atoi(process)
		if err != nil {
			continue
		}
		if line, err := os.ReadFile(file); err == nil && len(line) > 0 && namespace(process) == own {
			commands[pid] = strings.Split(string(bytes.TrimSuffix(line, []byte{0})), "\x00")
		}
	}
	return commands
}
