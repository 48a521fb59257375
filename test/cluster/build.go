package cluster

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// programs are what a control plane and a node consist of beside etcd, and kubectl.
var programs = map[string]string{
	"kube-apiserver":          "k8s.io/kubernetes/cmd/kube-apiserver",
	"kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
	"kube-scheduler":          "k8s.io/kubernetes/cmd/kube-scheduler",
	"kube-proxy":              "k8s.io/kubernetes/cmd/kube-proxy",
	"kubelet":                 "k8s.io/kubernetes/cmd/kubelet",
	"kubectl":                 "k8s.io/kubernetes/cmd/kubectl",
}

// Build builds the programs that are missing, and returns the directory where they are. Only one process builds at a time.
func Build(ctx context.Context) (dir string, err error) {
	_, self, _, _ := runtime.Caller(0)
	tools := filepath.Join(filepath.Dir(self), "tools") // the module that says which versions
	version, err := moduleVersion(ctx, tools, "k8s.io/kubernetes")
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, "teamtask", "kubernetes-"+version)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("lock %s: %w", dir, err)
	}
	var missing []string
	for name, pkg := range programs {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			missing = append(missing, pkg)
		}
	}
	if len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "building Kubernetes %s into %s: this takes some minutes, once\n", version, dir)
		if err := build(ctx, tools, dir, stamp(version), missing...); err != nil {
			return "", err
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "etcd")); err == nil {
		return dir, nil
	}
	// The etcd is the one that Teamtask embeds.
	if err := build(ctx, filepath.Dir(self), dir, "", "go.etcd.io/etcd/server/v3"); err != nil {
		return "", err
	}
	return dir, os.Rename(filepath.Join(dir, "server"), filepath.Join(dir, "etcd"))
}

// build builds programs of a module's dependencies, all or none.
func build(ctx context.Context, module, dir, stamp string, packages ...string) error {
	part := filepath.Join(dir, "part")
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-trimpath", "-ldflags", "-s -w " + stamp, "-o", part + "/"}, packages...)...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", strings.Join(packages, ", "), err, out)
	}
	built, err := os.ReadDir(part)
	if err != nil {
		return err
	}
	for _, b := range built {
		if err := os.Rename(filepath.Join(part, b.Name()), filepath.Join(dir, b.Name())); err != nil {
			return err
		}
	}
	return os.Remove(part)
}

// stamp are the linker's flags that tell Kubernetes its version: kubectl refuses a server without one.
func stamp(version string) string {
	const at = " -X k8s.io/component-base/version."
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return at + "gitVersion=" + version + at + "gitMajor=" + parts[0] + at + "gitMinor=" + parts[1] + at + "gitTreeState=clean"
}

func moduleVersion(ctx context.Context, dir, module string) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Version}}", module)
	list.Dir = dir
	var errs bytes.Buffer
	list.Stderr = &errs
	out, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("find the version of %s: %w: %s", module, err, &errs)
	}
	return strings.TrimSpace(string(out)), nil
}

// Prepare does what takes long and is done once on a machine: it builds Kubernetes, and installs what nodes need.
func Prepare(ctx context.Context, progress func(string)) error {
	if _, err := Build(ctx); err != nil {
		return err
	}
	return prepareNodes(ctx, progress)
}
