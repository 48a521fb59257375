package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// needs are the Debian packages that nodes need, each with a file of it that is looked for.
var needs = map[string]string{
	"containerd":                  "containerd",
	"runc":                        "runc",
	"containernetworking-plugins": cniPlugins + "/ptp",
	"iptables":                    "iptables-restore",
	"iproute2":                    "ip",
	"util-linux":                  "nsenter",
	"podman":                      "podman",
}

// cniPlugins is where Debian has the plugins that connect pods.
const cniPlugins = "/usr/lib/cni"

// prepareNodes checks that this machine can have nodes, and installs what they need.
func prepareNodes(ctx context.Context, progress func(string)) error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("nodes need Linux and root: they are made of namespaces, mounts and cgroups; start without nodes, or as root")
	}
	if len(missingPackages()) == 0 {
		return nil
	}
	if err := os.MkdirAll(locks, 0o755); err != nil {
		return err
	}
	lock, err := os.Create(filepath.Join(locks, "apt")) // apt-get does not wait for another
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("wait for another installation: %w", err)
	}
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	progress("installing " + strings.Join(missing, ", "))
	for _, args := range [][]string{{"update", "-q"}, append([]string{"install", "-qy", "-o", "DPkg::Lock::Timeout=300", "--no-install-recommends"}, missing...)} {
		cmd := exec.CommandContext(ctx, "apt-get", args...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("nodes need the Debian packages %s, and apt-get cannot install them: %w\n%s", strings.Join(missing, ", "), err, out)
		}
	}
	if missing := missingPackages(); len(missing) > 0 {
		return fmt.Errorf("the packages %s are installed, but not what they are needed for", strings.Join(missing, ", "))
	}
	return nil
}

func missingPackages() (missing []string) {
	for _, pkg := range slices.Sorted(maps.Keys(needs)) {
		if _, err := exec.LookPath(needs[pkg]); err != nil {
			missing = append(missing, pkg)
		}
	}
	return missing
}
