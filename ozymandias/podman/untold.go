package podman

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// untold puts it right if podman takes a container to run of which nothing is left: whether it did. Podman is told of an end by conmon, in a
// file with the exit code, and asks nobody else; if conmon was killed, or the disk was full, the container would run for ever in its books,
// and could be neither started nor stopped. The file is written here then, with the code that podman itself takes for an unknown one.
func (c *Client) untold(id string, pid, conmon int) (bool, error) {
	if pid == 0 || conmon == 0 || holds(pid, "cgroup", id) || holds(conmon, "cmdline", id) {
		return false, nil
	}
	// As long as conmon runs the file may still come; now it is there, or never comes.
	return true, c.tell(id)
}

// halfTold puts it right if conmon has made files for ends and had no disk to write the codes to: whether there were any. Podman could read
// no code there, and as long as there is one such file it would answer next to nothing, not even which pods there are.
func (c *Client) halfTold() (bool, error) {
	files, err := os.ReadDir(exits(filepath.Dir(c.socket)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("look at what podman was told of ends: %w", err)
	}
	told := false
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Size() > 0 || mentioned(file.Name()) { // by a conmon that may still write
			continue
		}
		if err := c.tell(file.Name()); err != nil {
			return told, err
		}
		told = true
	}
	return told, nil
}

// tell tells podman that a container has ended with an unknown code, unless it was told how.
func (c *Client) tell(id string) error {
	file, err := os.OpenFile(filepath.Join(exits(filepath.Dir(c.socket)), id), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("tell podman of the end of container %s: %w", id, err)
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() > 0 {
		return err
	}
	if _, err := file.WriteString("255"); err != nil {
		return fmt.Errorf("tell podman of the end of container %s: %w", id, err)
	}
	return nil
}

// exits is where conmon tells of ends, of a service with that Run.
func exits(run string) string { return filepath.Join(run, "libpod", "exits") }

// mentioned tells whether a process that runs has the container's id in its command line.
func mentioned(id string) bool {
	for _, command := range Commands() {
		if slices.ContainsFunc(command, func(word string) bool { return strings.Contains(word, id) }) {
			return true
		}
	}
	return false
}

// holds tells whether a process runs, and has the container's id in a file of its own in /proc: its number may be another's by now. One that
// has ended and was not waited for has no command line.
func holds(pid int, file, id string) bool {
	read := func(name string) []byte {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name)) // nothing, if it has ended
		return b
	}
	return len(read("cmdline")) > 0 && bytes.Contains(read(file), []byte(id))
}
