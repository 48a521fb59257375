package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// kill kills a program of a pod as the kernel does when memory runs out: it is told nothing.
func kill(pod *corev1.Pod, program string) error {
	pid, err := process(pod, program)
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill %s of pod %s: %w", program, pod.Name, err)
	}
	return nil
}

// process is the only one of a program in a pod. The node's processes are seen on this machine, and their cgroups name the pod.
func process(pod *corev1.Pod, program string) (int, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0, err
	}
	var pids []int
	for _, file := range files {
		dir := filepath.Dir(file)
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil {
			return 0, err
		}
		if podOf(pid) != pod.UID {
			continue
		}
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		if first, _, _ := strings.Cut(string(command), "\x00"); filepath.Base(first) == program {
			pids = append(pids, pid)
		}
	}
	if len(pids) != 1 {
		return 0, fmt.Errorf("%d processes of program %s run in pod %s", len(pids), program, pod.Name)
	}
	return pids[0], nil
}

var cgroupOfPod = regexp.MustCompile(`/pod([0-9a-f-]{36})`)

// podOf is the pod that a process is of; "" if it has ended, or is another's.
func podOf(pid int) types.UID {
	cgroup, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if pod := cgroupOfPod.FindSubmatch(cgroup); pod != nil {
		return types.UID(pod[1])
	}
	return ""
}
