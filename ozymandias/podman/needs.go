package podman

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// programs are what podman needs, where they were found.
type programs struct {
	podman string
	// runtime is the name of the OCI runtime: crun or runc.
	runtime string
}

// beside are the directories where podman looks for the programs that it starts itself, after $PATH's.
var beside = []string{"/usr/local/libexec/podman", "/usr/local/lib/podman", "/usr/libexec/podman", "/usr/lib/podman"}

// find looks for all that is needed, and says what is missing.
func find(ctx context.Context) (programs, error) {
	var found programs
	if os.Geteuid() != 0 {
		return found, errors.New("podman's service has to run as root, since pods get addresses and limits: start this as root")
	}
	var missing []string
	for _, need := range []struct {
		program, packaged string
	}{{"podman", "podman"}, {"conmon", "conmon"}, {"netavark", "netavark"}, {"catatonit", "catatonit"}, {"iptables", "iptables"}} {
		path, ok := look(need.program)
		if !ok {
			missing = append(missing, need.packaged)
		}
		if need.program == "podman" {
			found.podman = path
		}
	}
	for _, runtime := range runtimes() {
		if _, ok := look(runtime); ok {
			found.runtime = runtime
			break
		}
	}
	if found.runtime == "" {
		missing = append(missing, "runc")
	}
	if len(missing) > 0 {
		return found, fmt.Errorf("podman lacks programs: install Debian's packages %s (apt-get install %[1]s)", strings.Join(missing, " "))
	}
	out, err := exec.CommandContext(ctx, found.podman, "--version").Output()
	if err != nil {
		return found, fmt.Errorf("ask podman for its version: %w", err)
	}
	return found, recent(string(out))
}

// look finds a program, as podman does.
func look(program string) (string, bool) {
	if path, err := exec.LookPath(program); err == nil {
		return path, true
	}
	for _, dir := range beside {
		path := filepath.Join(dir, program)
		if status, err := os.Stat(path); err == nil && status.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// runtimes are those that work, the best first. crun refuses to work where version 2 of control groups is mounted beside version 1.
func runtimes() []string {
	var root syscall.Statfs_t
	const cgroup2 = 0x63677270 // CGROUP2_SUPER_MAGIC, statfs(2)
	if err := syscall.Statfs("/sys/fs/cgroup", &root); err == nil && root.Type == cgroup2 {
		return []string{"crun", "runc"}
	}
	return []string{"runc"}
}

// recent says whether `podman --version` is 4.0 or later, from where on there is netavark and the API that is spoken here.
func recent(said string) error {
	fields := strings.Fields(said)
	if len(fields) > 0 {
		major, _, _ := strings.Cut(fields[len(fields)-1], ".")
		if n, err := strconv.Atoi(major); err == nil && n >= 4 {
			return nil
		}
	}
	return fmt.Errorf("%q is not enough: podman 4.0 or later is needed, such as the package podman of Debian 12", strings.TrimSpace(said))
}

// settings are podman's containers.conf, containers.conf(5).
func settings(found programs) []byte {
	return fmt.Appendf(nil, `# Written at each start of the node.
[containers]
# No more than this process itself may have, or else nothing starts where it may not raise its own limits.
default_ulimits = ["nofile=%d:%[1]d", "nproc=%d:%[2]d"]

[engine]
runtime = %[3]q
# Pods stand in control groups of the node's, not of systemd's.
cgroup_manager = "cgroupfs"
events_logger = "file"
# So long, in seconds, conmon stays after the end of a command that was run in a container, for its exit code to be asked for. The default is five
# minutes: as many conmons as checks are made in that time. It is asked for at once; but with 0 podman may have forgotten it by then.
exit_command_delay = 10

[network]
network_backend = "netavark"
`, limit(syscall.RLIMIT_NOFILE, 1<<20), limit(rlimitProcesses, mostProcesses()), found.runtime)
}

// rlimitProcesses is RLIMIT_NPROC, setrlimit(2), which package syscall leaves out.
const rlimitProcesses = 6

// limit is the most that this process may have, up to the most that podman itself takes.
func limit(of int, most uint64) uint64 {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(of, &l); err != nil {
		return min(4096, most)
	}
	return min(l.Max, most)
}

// mostProcesses is what podman limits itself to, and so all that it starts: proc_sys_kernel(5), pid_max.
func mostProcesses() uint64 {
	b, err := os.ReadFile("/proc/sys/kernel/pid_max")
	if err != nil {
		return 1 << 15 // the kernel's default
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 32)
	if err != nil {
		return 1 << 15
	}
	return n
}
