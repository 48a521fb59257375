package cli

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"teamtask.dev/api/v1alpha1"
)

// A program beside the agent is found by its name, or by its file; one that does not run needs no signal.
func TestNeighbour(t *testing.T) {
	cat, err := exec.LookPath("cat")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "recorder-of-a-test")
	if err := os.Symlink(cat, program); err != nil {
		t.Fatal(err)
	}
	byName := &neighbour{signal: syscall.SIGTERM, name: filepath.Base(program)}
	byFile := &neighbour{signal: syscall.SIGTERM, pidFile: filepath.Join(t.TempDir(), "pid")}
	for _, n := range []*neighbour{byName, byFile} {
		if pids, err := n.find(); err != nil || len(pids) > 0 {
			t.Errorf("%+v: %v, %v", n, pids, err)
		}
		if told, err := n.tell(); err != nil || told != 0 {
			t.Errorf("%+v tells %d, %v", n, told, err)
		}
	}
	cmd := exec.Command(program)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Start returns before the kernel shows the new program's command line: wait until it runs.
	if _, err := io.WriteString(in, "here"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, len("here"))); err != nil {
		t.Fatal(err)
	}
	if pids, err := byName.find(); err != nil || !slices.Equal(pids, []int{cmd.Process.Pid}) {
		t.Errorf("%v, %v", pids, err)
	}
	if told, err := byName.tell(); err != nil || told != 1 {
		t.Errorf("it tells %d, %v", told, err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ends with %v", err)
	}
	if err := os.WriteFile(byFile.pidFile, []byte("none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := byFile.tell(); err == nil {
		t.Error("a file without a process ID is taken")
	}
}

// The part as programs read it.
func TestPartFormats(t *testing.T) {
	part := &v1alpha1.AssignmentSpec{Swarm: "s", Worker: "w", Incarnation: "i", Version: 3, Workloads: []v1alpha1.Grant{{Name: "stream:a", Epoch: 2}, {Name: "b", Epoch: 3}}}
	none := &v1alpha1.AssignmentSpec{Swarm: "s", Worker: "w"}
	for file, want := range map[string][2]string{
		"part.json": {`{
  "swarm": "s",
  "worker": "w",
  "incarnation": "i",
  "version": 3,
  "workloads": [
    {
      "name": "stream:a",
      "epoch": 2
    },
    {
      "name": "b",
      "epoch": 3
    }
  ]
}
`, `{
  "swarm": "s",
  "worker": "w",
  "incarnation": "",
  "version": 0,
  "workloads": []
}
`},
		"part.yml": {"version: 3\nworkloads:\n  w:\n    jobs:\n    - stream:a\n    - b\n    version: 3\n", "version: 0\nworkloads:\n  w:\n    jobs: []\n    version: 0\n"},
		"part":     {"stream:a\nb\n", ""},
	} {
		f := partFile{filepath.Join(t.TempDir(), file), partFormats[formatOf(file)]}
		for i, p := range []*v1alpha1.AssignmentSpec{part, none} {
			if err := f.write(p); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(f.path); err != nil || string(got) != want[i] {
				t.Errorf("%s: %v\n%s", file, err, got)
			}
		}
	}
	if err := (partFile{filepath.Join(t.TempDir(), "no", "part"), linesPart}).write(part); err == nil {
		t.Error("a file in no directory is written")
	}
}

// What stands for the workload, its epoch and the worker in a command.
func TestConsumerCommand(t *testing.T) {
	g := v1alpha1.Grant{Name: "it's a", Epoch: 7}
	for _, c := range []struct{ args, want []string }{
		{[]string{"run"}, []string{"run", "it's a"}},
		{[]string{"run", "--fence={epoch}", "{workload}.mkv", "{worker}"}, []string{"run", "--fence=7", "it's a.mkv", "w"}},
		{[]string{"run >log"}, []string{"/bin/sh", "-c", `run >log 'it'\''s a'`}},
		{[]string{"run {workload} >{epoch}"}, []string{"/bin/sh", "-c", `run 'it'\''s a' >7`}},
	} {
		if got := parseConsumer(c.args).expand(g, "w"); !slices.Equal(got, c.want) {
			t.Errorf("%q is %q, want %q", c.args, got, c.want)
		}
	}
}
