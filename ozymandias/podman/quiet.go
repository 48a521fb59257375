package podman

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Quiet waits until nothing runs of what a service with these options has started and does not wait for itself: a conmon for each container, and the
// podman that conmon starts when its container has ended, to put things away. Until then the service's directories are made anew and mounted,
// whoever removes them. An error names what still runs when ctx ends.
func Quiet(ctx context.Context, o Options) error {
	for {
		var left []string
		for _, line := range commandLines() {
			program := filepath.Base(line[0])
			if (program == "conmon" || program == "podman") && slices.ContainsFunc(line, func(word string) bool { return strings.HasPrefix(word, o.Dir+"/") }) {
				left = append(left, strings.Join(line, " "))
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

// commandLines are those of all processes that run, word by word.
func commandLines() (lines [][]string) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	for _, file := range files {
		if b, err := os.ReadFile(file); err == nil && len(b) > 0 { // nothing, if it has ended
			lines = append(lines, strings.Split(string(bytes.TrimSuffix(b, []byte{0})), "\x00"))
		}
	}
	return lines
}
