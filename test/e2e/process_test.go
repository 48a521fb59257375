package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
)

// kill kills a program of a pod as the kernel does when memory runs out: it is told nothing. The node's processes are seen on
// this machine, and their cgroups name the pod.
func kill(pod *corev1.Pod, program string) error {
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return err
	}
	killed := 0
	for _, file := range files {
		cgroup, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(cgroup), "/pod"+string(pod.UID)) {
			continue // it ended meanwhile, or is another's
		}
		command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if first, _, _ := strings.Cut(string(command), "\x00"); filepath.Base(first) != program {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return err
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill %s of pod %s: %w", program, pod.Name, err)
		}
		killed++
	}
	if killed != 1 {
		return fmt.Errorf("%d processes of program %s run in pod %s", killed, program, pod.Name)
	}
	return nil
}
