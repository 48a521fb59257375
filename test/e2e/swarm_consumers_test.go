package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/types"
)

var lockOfFile = regexp.MustCompile(`(?m)^\d+: FLOCK +ADVISORY +WRITE (\d+) (\S+) `)

// consumers are the pods that consume each workload just now. The kernel knows who has locked a target, and can be asked without
// locking it, which would be in a consumer's way.
func (s *swarm) consumers() (map[string]types.UID, error) {
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil, err
	}
	holders := map[string]int{}
	for _, lock := range lockOfFile.FindAllSubmatch(locks, -1) {
		if holders[string(lock[2])], err = strconv.Atoi(string(lock[1])); err != nil {
			return nil, err
		}
	}
	targets, err := filepath.Glob(filepath.Join(s.targets, "*.target"))
	if err != nil {
		return nil, err
	}
	consumers := map[string]types.UID{}
	for _, target := range targets {
		var file syscall.Stat_t
		if err := syscall.Stat(target, &file); err != nil {
			return nil, err
		}
		pid, locked := holders[fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(file.Dev)), unix.Minor(uint64(file.Dev)), file.Ino)]
		if locked {
			consumers[strings.TrimSuffix(filepath.Base(target), ".target")] = podOf(pid)
		}
	}
	return consumers, nil
}
