package netnstest

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// A Machine is a network namespace with one interface, eth0.
type Machine struct {
	// Name is n1, n2 and so on; Namespace is what `ip netns` calls it.
	Name, Namespace string
	Address         netip.Addr

	port    string
	network *Network
}

// Command returns the command that runs a program on the machine. The process is the program's own: it has all else, such as files and
// control groups, in common with everybody.
func (m *Machine) Command(name string, args ...string) *exec.Cmd {
	// Not `ip netns exec`, which mounts another /sys, without the control groups.
	return exec.Command("nsenter", append([]string{"--net=" + filepath.Join("/run/netns", m.Namespace), "--", name}, args...)...)
}

// A Cut is what gets lost between a machine and all others.
type Cut int

// The cuts, as the machine sees them.
const (
	In Cut = 1 << iota
	Out
	Nothing Cut = 0
	Both        = In | Out
)

// Lose has what goes in or out lost, without a word to either side, until it is called again. [Nothing] mends all.
func (m *Machine) Lose(cut Cut) error {
	for direction, port := range map[Cut]string{Out: "-i", In: "-o"} { // as the switch sees it
		filter := func(verb string) *exec.Cmd {
			return exec.Command("nsenter", "--net="+filepath.Join("/run/netns", m.network.space), "--", "ebtables", verb, "FORWARD", port, m.port, "-j", "DROP")
		}
		for filter("-D").Run() == nil { // until there is no such rule
		}
		if cut&direction == 0 {
			continue
		}
		if err := all(filter("-A")); err != nil {
			return fmt.Errorf("cut %s off: %w", m.Name, err)
		}
	}
	return nil
}

// Processes are those of the programs that run on the machine.
func (m *Machine) Processes() ([]int, error) { return processes(m.Namespace) }

func processes(namespace string) ([]int, error) {
	out, err := exec.Command("ip", "netns", "pids", namespace).Output()
	if err != nil {
		return nil, fmt.Errorf("list the programs in %s: %w", namespace, err)
	}
	var pids []int
	for _, field := range strings.Fields(string(out)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, fmt.Errorf("list the programs in %s: %w", namespace, err)
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// empty looks that nothing runs in a namespace, and kills what does.
func empty(namespace string) error {
	pids, err := processes(namespace)
	faults := []error{err}
	for _, pid := range pids {
		faults = append(faults, fmt.Errorf("process %d still runs in %s", pid, namespace))
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return errors.Join(faults...)
}
