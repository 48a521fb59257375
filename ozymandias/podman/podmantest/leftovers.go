package podmantest

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"teamtask.dev/ozymandias/cgroup"
)

// unmount unmounts podman's own directory, which it mounts on itself and leaves so, and says what else is mounted.
func (m *Machine) unmount() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	var faults []error
	own := filepath.Join(m.Options.Dir, "storage", "overlay")
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.HasPrefix(fields[1], m.dir+"/") {
			continue
		}
		if fields[1] != own {
			faults = append(faults, fmt.Errorf("%s is still mounted", fields[1]))
		}
		if err := unix.Unmount(fields[1], unix.MNT_DETACH); err != nil {
			faults = append(faults, fmt.Errorf("unmount %s: %w", fields[1], err))
		}
	}
	return errors.Join(faults...)
}

// removeCgroups removes the machine's control groups in all hierarchies. Those of pods have to be gone: what runs there is an error. Podman
// leaves empty ones behind in the hierarchies that are not its own.
func (m *Machine) removeCgroups() error {
	group, err := cgroup.Find(m.Cgroup)
	if err != nil {
		return err
	}
	return group.Remove()
}

// said keeps what podman says.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
