package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/yaml"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/test/cluster"
)

// system is the namespace of the release.
const system = "teamtask-system"

var (
	running  *cluster.Cluster
	programs string // directory of our programs, from which images are built
	helm     string // the program
	version  string // of the images that the chart and config/ name
	scheme   = runtime.NewScheme()
)

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "10") // they wait most of the time
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	begun := time.Now()
	step := func(step string) { fmt.Printf("%3.0fs  %s\n", time.Since(begun).Seconds(), step) }
	ctrl.SetLogger(logr.Discard())
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme), noteInputs(), readVersion()); err != nil {
		return 0, err
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := build(context.Background(), dir); err != nil { // on a machine that has built nothing yet this takes its time
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	if running, err = (cluster.Options{Dir: filepath.Join(dir, "cluster"), Nodes: 1, Progress: step}).Start(ctx); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, running.Stop()) }()
	step("building images")
	if err := running.BuildProgramImage(ctx, "teamtask.dev/item:test", "teamtask.dev/test/e2e/testdata/item"); err != nil {
		return 0, err
	}
	for image, tag := range map[string]string{"teamtask": version, "teamtask-controller": version, "primes": "1"} {
		if err := buildImage(ctx, image, tag); err != nil {
			return 0, err
		}
	}
	for image, dir := range map[string]string{"teamtask.dev/stream:test": "streams", "docker.io/library/swarm-worker:latest": "swarm-worker"} {
		if err := running.BuildImage(ctx, image, filepath.Join("testdata", dir, "Containerfile"), programs); err != nil {
			return 0, err
		}
	}
	step("installing the chart")
	if err := install(ctx, version, "--create-namespace"); err != nil {
		return 0, err
	}
	step("ready")
	return m.Run(), nil
}

// noteInputs looks at all that is read by other programs, so that `go test` knows a result of before it was changed for an old
// one.
func noteInputs() error {
	for _, dir := range []string{"charts", "config", "images", "examples/kubernetes", "hack", "test/e2e/testdata"} {
		err := filepath.WalkDir(root(dir), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func readVersion() error {
	b, err := os.ReadFile(root("charts/teamtask/Chart.yaml"))
	if err != nil {
		return err
	}
	var chart struct{ AppVersion string }
	if err := yaml.Unmarshal(b, &chart); err != nil {
		return fmt.Errorf("read Chart.yaml: %w", err)
	}
	version = chart.AppVersion
	return nil
}

// root is a path in this repository.
func root(path string) string { return filepath.Join("..", "..", path) }

// build builds our programs into a directory that is also the context of their images.
func build(ctx context.Context, dir string) error {
	programs = filepath.Join(dir, "programs")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", programs+"/",
		"teamtask.dev/cmd/teamtask", "teamtask.dev/cmd/teamtask-controller", "teamtask.dev/examples/primes", "teamtask.dev/examples/streams",
		"teamtask.dev/test/e2e/testdata/swarm-worker")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build our programs: %w: %s", err, out)
	}
	certificates, err := os.ReadFile("/etc/ssl/certs/ca-certificates.crt")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(programs, "ca-certificates.crt"), certificates, 0o644); err != nil {
		return err
	}
	tmp := filepath.Join(programs, "root", "tmp")
	if err := errors.Join(os.MkdirAll(tmp, 0o755), os.Chmod(tmp, 0o777|os.ModeSticky)); err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, root("hack/helm.sh")).Output()
	if err != nil {
		return fmt.Errorf("hack/helm.sh: %w", err)
	}
	helm = strings.TrimSpace(string(out))
	return nil
}

// buildImage builds one of our images and gives it to the node.
func buildImage(ctx context.Context, image, tag string) error {
	return running.BuildImage(ctx, "teamtask.dev/"+image+":"+tag, root("images/"+image+"/Containerfile"), programs)
}

// install installs the chart, or upgrades it to images of another tag, and waits until its pods are ready.
func install(ctx context.Context, tag string, flags ...string) error {
	return release(ctx, append([]string{"upgrade", "--install", "teamtask", root("charts/teamtask"), "--wait", "--timeout=3m",
		"--set", "server.enabled=true,server.replicas=1",
		"--set", "controller.image.tag=" + tag + ",worker.image.tag=" + tag + ",server.image.tag=" + tag}, flags...)...)
}

func release(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, helm, append(args, "--namespace", system, "--kubeconfig", running.Kubeconfig)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		pods, _ := running.Kubectl(ctx, "describe", "pods", "--namespace", system)
		return fmt.Errorf("helm %s: %w: %s\n%s", args[0], err, out, pods)
	}
	return nil
}
