package test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Imports point downwards: doors to engines to cores. A core knows the standard library and other cores.
func TestImports(t *testing.T) {
	const module = "teamtask.dev/"
	layer := map[string]int{"worklist": 0, "items": 0, "swarm": 0, "swarm/handover": 0, "ozymandias/job": 0, "ozymandias/spelling": 0, "ozymandias/strangers": 1, "ozymandias/plain": 0, "ozymandias/placement": 0, "version": 0, "await": 1, "api/v1alpha1": 1,
		"member": 2, "swarm/census": 2, "swarm/plan": 2, "cli/text": 3, "client": 3, "store": 3, "worker": 3, "cli/change": 4, "kube": 4, "kube/swarms": 4,
		"server/swarms": 4, "server": 5, "load": 6, "cli/cmdline": 2, "cli/listing": 4, "cli": 8, "ozymandias/api/v1": 2, "ozymandias/client": 3, "ozymandias/api": 6, "ozymandias/api/apitest": 7, "ozymandias/cli": 8, "cmd/teamtask": 9,
		"controller/diagnosis": 2, "controller/assignments": 3, "controller/blocks": 3, "controller/pools": 3, "controller/swarms": 3, "controller/workers": 3,
		"controller/worklists": 3, "controller": 4, "cmd/teamtask-controller": 5,
		"uptime": 1, "etcdlog": 1, "ozymandias/jobfile": 1, "ozymandias/cgroup": 1, "ozymandias/lockfile": 1, "ozymandias/seal": 1, "ozymandias/durable": 1, "ozymandias/cgroup/cgrouptest": 2, "ozymandias/node/converge": 0, "ozymandias/node": 5, "ozymandias/node/logs": 3, "ozymandias/lease": 2, "ozymandias/watchdog": 2,
		"ozymandias/rollout": 0, "ozymandias/schedule": 0, "ozymandias/ingress/routes": 0, "ozymandias/ingress": 3, "ozymandias/state": 2, "ozymandias/scheduler": 3, "ozymandias/program": 1, "ozymandias/program/programtest": 2, "ozymandias/podman": 2, "ozymandias/names": 2, "ozymandias/network": 3, "ozymandias/netnstest": 2, "ozymandias/etcdtest": 3, "ozymandias/storytest": 1, "ozymandias/podman/podmantest": 3, "ozymandias/podman/podmantest/guest": 0, "ozymandias/health": 2, "ozymandias/images": 3, "ozymandias/secrets": 3, "ozymandias/secrets/vaulttest": 3, "ozymandias/sidecar": 1, "ozymandias/volumes": 2,
		"ozymandias/pki": 1, "ozymandias/cluster": 3, "ozymandias/work": 4, "cmd/ozymandias": 9,
		"gateway": 6, "plugin/explain": 6, "plugin": 7, "cmd/kubectl-teamtask": 9}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}{{range .Imports}} {{.}}{{end}}`, module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		name := strings.TrimPrefix(fields[0], module)
		if top, _, _ := strings.Cut(name, "/"); slices.Contains([]string{"examples", "test", "bench", "hack"}, top) {
			continue
		}
		own, ok := layer[name]
		if !ok {
			t.Errorf("%s: which layer is it in?", name)
		}
		for _, imported := range fields[1:] {
			inner, ours := strings.CutPrefix(imported, module)
			switch {
			case ours && own > 0 && layer[inner] >= own, ours && layer[inner] > own:
				t.Errorf("%s imports %s, which is not below it", name, inner)
			case !ours && own == 0 && strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
				t.Errorf("%s is a core and imports %s", name, imported)
			}
		}
	}
}

// Cores are pure: they have no clock, no files, no network, no log. Time comes in as an argument.
func TestCoresArePure(t *testing.T) {
	for _, core := range []string{"worklist", "items", "swarm", "swarm/handover", "ozymandias/job", "ozymandias/placement", "ozymandias/rollout", "ozymandias/schedule", "ozymandias/ingress/routes", "ozymandias/node/converge"} {
		out, err := exec.Command("go", "list", "-f", `{{join .Imports " "}}`, "teamtask.dev/"+core).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, forbidden := range []string{"os", "net", "net/http", "log", "log/slog", "sync", "math/rand", "math/rand/v2", "crypto/rand"} {
			if strings.Contains(" "+strings.TrimSpace(string(out))+" ", " "+forbidden+" ") {
				t.Errorf("%s imports %s", core, forbidden)
			}
		}
	}
	out, err := exec.Command("grep", "-rnE", `time\.(Now|Since|Until|Sleep|After|NewTimer|Tick)\(`, "--include=*.go", "../worklist", "../items", "../swarm", "../ozymandias/job", "../ozymandias/placement", "../ozymandias/rollout", "../ozymandias/schedule", "../ozymandias/ingress/routes", "../ozymandias/node/converge").CombinedOutput()
	if err == nil {
		t.Errorf("a core looks at the clock:\n%s", out)
	}
}
