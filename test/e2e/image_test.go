package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Any image will do, and any user: the program alone, without a shell or a directory for temporary files; also where the
// namespace allows nothing that is not needed.
func TestAnyImage(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ level, pod, container string }{
		"as it is": {"privileged", "{}", "{}"},
		"root":     {"baseline", "{runAsUser: 0}", "{}"},
		"restricted": {"restricted", "{runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}",
			"{readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, "pod-security.kubernetes.io/enforce="+c.level)
			s.apply(fmt.Sprintf(`
apiVersion: teamtask.dev/v1alpha1
kind: Worklist
metadata: {name: primes}
spec:
  items: {range: {start: 1, end: 1000000}}
  block: {size: 100000}
  workers:
    template:
      spec:
        securityContext: %s
        containers:
          - name: work
            image: teamtask.dev/primes:1
            command: [/primes, "{start}", "{end}"]
            securityContext: %s
`, c.pod, c.container))
			s.complete("primes")
			if n := sum(s.kubectl("logs", "--selector=teamtask.dev/worklist=primes", "--tail=-1")); n != 78498 {
				t.Errorf("there are %d primes below a million, says the log, and not 78498", n)
			}
		})
	}
}

// What images/build.sh builds has the names that the chart, config/ and the examples go by.
func TestImageNames(t *testing.T) {
	t.Parallel()
	build := exec.CommandContext(t.Context(), root("images/build.sh"))
	build.Env = append(os.Environ(), "PODMAN=echo", "PREFIX=registry.example.com/", "VERSION=")
	out, err := build.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range []string{"teamtask:" + version, "teamtask-controller:" + version, "primes:1"} {
		if !strings.Contains(string(out), " --tag registry.example.com/"+image+" ") {
			t.Errorf("no image %s is built:\n%s", image, out)
		}
	}
}

// sum adds up the numbers that stand in lines of their own.
func sum(log string) (total int) {
	for line := range strings.Lines(log) {
		if n, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
			total += n
		}
	}
	return total
}
