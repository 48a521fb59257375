package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The manifests of docs/kubernetes.md do what is said of them there, below a smaller number and in other namespaces.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(root("docs/kubernetes.md"))
	if err != nil {
		t.Fatal(err)
	}
	manifests := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	tests := map[string]func(*testing.T, string){"Worklist": listWithWorkers, "Job": workersOfOnesOwn, "Role": roleForOneList, "Kustomization": imagesElsewhere}
	if len(manifests) != len(tests) {
		t.Errorf("there are %d manifests, and tests of %d", len(manifests), len(tests))
	}
	for kind, test := range tests {
		i := slices.IndexFunc(manifests, func(m []string) bool { return strings.Contains(m[1], "\nkind: "+kind+"\n") })
		if i < 0 {
			t.Errorf("there is no manifest of a %s", kind)
			continue
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, manifests[i][1])
		})
	}
}

// plain is a list that has no workers of its own.
const plain = `{apiVersion: teamtask.dev/v1alpha1, kind: Worklist, metadata: {name: primes},
	spec: {items: {range: {start: 1, end: 1000000}}, block: {size: 100000}}}`

func listWithWorkers(t *testing.T, manifest string) {
	s := newSite(t)
	s.apply(strings.Replace(strings.Replace(manifest, "end: 1000000000", "end: 1000000", 1), "size: 1000000", "size: 100000", 1))
	s.complete("primes")
	if n := sum(s.kubectl("logs", "--selector=teamtask.dev/worklist=primes", "--tail=-1")); n != 78498 {
		t.Errorf("there are %d primes below a million, says the log, and not 78498", n)
	}
}

func workersOfOnesOwn(t *testing.T, manifest string) {
	s := newSite(t)
	s.apply(plain)
	s.apply(strings.ReplaceAll(manifest, "namespace: batch", "namespace: "+s.ns))
	s.complete("primes")
	s.kubectl("wait", "--for=condition=Complete", "--timeout="+patience.String(), "job/check")
	if n := sum(s.kubectl("logs", "--selector=job-name=check", "--tail=-1")); n != 78498 {
		t.Errorf("there are %d primes below a million, says the log, and not 78498", n)
	}
}

func roleForOneList(t *testing.T, manifest string) {
	s := newSite(t)
	s.apply(plain)
	s.apply(strings.Replace(plain, "name: primes", "name: others", 1))
	s.apply(strings.ReplaceAll(manifest, "namespace: batch", "namespace: "+s.ns))
	s.kubectl("create", "serviceaccount", "primes-worker")
	kubeconfig := s.kubeconfig(strings.TrimSpace(s.kubectl("create", "token", "primes-worker")))
	work := func(list string) (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(programs, "teamtask"), "work", "--kube", list, "--kubeconfig", kubeconfig, "--namespace", s.ns,
			"-j2", "--", filepath.Join(programs, "primes"), "{start}", "{end}")
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, time.Second
		if err := cmd.Run(); err != nil {
			return "", fmt.Errorf("%w: %s", err, &errs)
		}
		return out.String(), nil
	}
	s.eventually("the right is known", func() error {
		out, err := work("primes")
		if err == nil && sum(out) != 78498 {
			t.Errorf("there are %d primes below a million, says the worker, and not 78498", sum(out))
		}
		return err
	})
	s.complete("primes")

	if _, err := work("others"); err == nil || !strings.Contains(err.Error(), "you may not get worklists") {
		t.Errorf("another list: %v", err)
	}
	block := filepath.Join(t.TempDir(), "block.yaml")
	s.must(os.WriteFile(block, []byte(`{apiVersion: teamtask.dev/v1alpha1, kind: Block, metadata: {name: others}, spec: {worklist: others}}`), 0o600))
	if _, err := s.try("--kubeconfig", kubeconfig, "create", "--filename", block); err == nil || !strings.Contains(err.Error(), "may not work on worklist others") {
		t.Errorf("a Block of another list: %v", err)
	}
}

// imagesElsewhere checks that none of the images of config/ is left that a cluster could not pull.
func imagesElsewhere(t *testing.T, manifest string) {
	config, err := filepath.Abs(root("config"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "ours"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(config, filepath.Join(dir, "config")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ours", "kustomization.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := running.Kubectl(t.Context(), "kustomize", filepath.Join(dir, "ours"))
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"teamtask", "teamtask-controller"} {
		if !strings.Contains(out, ": registry.example.com/batch/"+image+":"+version+"\n") {
			t.Errorf("the image %s is not there", image)
		}
	}
	if strings.Contains(out, ": teamtask.dev/teamtask") {
		t.Error("an image has no registry")
	}
}
