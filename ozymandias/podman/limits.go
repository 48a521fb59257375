package podman

import "teamtask.dev/ozymandias/job"

// limits are those of the OCI runtime's specification, config-linux.md, "Control groups".
type limits struct {
	Memory *memoryLimit `json:"memory,omitempty"`
	CPU    *cpuLimit    `json:"cpu,omitempty"`
}

type memoryLimit struct {
	Limit int64 `json:"limit"`
	// Swap is memory and swap together: the same as the limit leaves no swap, without which the limit would be no limit to the machine.
	Swap int64 `json:"swap"`
}

type cpuLimit struct {
	Shares int64 `json:"shares"`
}

// shares are in proportion to the processors asked for, 1024 for one; the kernel knows 2 to 262,144 (version 1 of cgroups; runtimes
// turn them into weights for version 2).
func shares(cpus job.CPUs) int64 {
	return max(2, min(int64(cpus)*1024/1000, 1<<18))
}
