package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// neighbour is a program that runs beside the agent, and is told by a signal.
type neighbour struct {
	signal  syscall.Signal
	pidFile string
	name    string // if there is no pidFile
}

// tell sends the signal to all processes of the program, and tells to how many: none if it does not run.
func (n *neighbour) tell() (int, error) { return n.send(n.signal) }

// kill ends the program by force.
func (n *neighbour) kill() error {
	_, err := n.send(syscall.SIGKILL)
	return err
}

func (n *neighbour) send(s syscall.Signal) (told int, err error) {
	pids, err := n.find()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		switch err := syscall.Kill(pid, s); {
		case err == nil:
			told++
		case !errors.Is(err, syscall.ESRCH):
			return told, fmt.Errorf("signal process %d: %w", pid, err)
		}
	}
	return told, nil
}

// String says which processes are meant.
func (n *neighbour) String() string {
	if n.pidFile != "" {
		return "the one of --pid-file " + n.pidFile
	}
	return "--process " + n.name
}

// find finds the program's processes.
func (n *neighbour) find() (pids []int, err error) {
	if n.pidFile == "" {
		return processes("/proc", n.name)
	}
	text, err := os.ReadFile(n.pidFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // it does not run
	}
	if err != nil {
		return nil, fmt.Errorf("--pid-file: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid < 1 {
		return nil, fmt.Errorf("--pid-file: %s has no process ID, but %.40q", n.pidFile, text)
	}
	return []int{pid}, nil
}

// processes are those whose program has that name, by the directory of processes.
func processes(proc, name string) (pids []int, err error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, fmt.Errorf("--process: %w; where there is no /proc use --pid-file", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join(proc, e.Name(), "cmdline"))
		if err != nil {
			continue // it has ended
		}
		program, _, _ := bytes.Cut(line, []byte{0})
		if len(program) > 0 && filepath.Base(string(program)) == name {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
