package ozymandias

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// within runs a program in the network of an instance; it returns the lines that it prints, sorted.
func within(p process, name string, args ...string) ([]string, error) {
	c := exec.Command("nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", p.pid), "--", name}, args...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s, in the network of %s: %w: %s", strings.Join(args, " "), p, err, out)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	return lines, nil
}

// A mount is a line of proc_pid_mountinfo(5): what of a file system is mounted, and where.
type mount struct{ root, point string }

func mounts() (all []mount) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		panic(err) // there is no /proc
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		all = append(all, mount{fields[3], fields[4]})
	}
	return all
}

// mounted are the points below a directory where something is mounted.
func mounted(below string) (points []string) {
	for _, m := range mounts() {
		if strings.HasPrefix(m.point, below) {
			points = append(points, m.point)
		}
	}
	return points
}

// pairs are the machine's interfaces of which the other end is elsewhere: its own, and one for each pod.
func (n *node) pairs() (names []string, err error) {
	out, err := exec.Command("ip", "-n", n.machine.Namespace, "-oneline", "link", "show", "type", "veth").Output()
	if err != nil {
		return nil, fmt.Errorf("list the interfaces of %s: %w", n.name, err)
	}
	for line := range strings.Lines(string(out)) {
		names = append(names, strings.Fields(line)[1])
	}
	return names, nil
}

// programs are the processes that have a text in their command line, with that.
func programs(text string) (map[int]string, error) {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return nil, err
	}
	lines := map[int]string{}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil || !bytes.Contains(line, []byte(text)) {
			continue // it may have ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			return nil, err
		}
		lines[pid] = string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
	}
	return lines, nil
}

// quiet waits until no program has anything of a directory in its command line: podman puts things away by programs that nobody waits for, and a
// watchdog that has had no time ends when it sees that its socket is gone.
func quiet(t *testing.T, dir string) {
	t.Helper()
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		left, err := programs(dir + "/")
		if err == nil && len(left) == 0 {
			return
		}
		if time.Since(began) > patience {
			t.Errorf("programs are left: %v, %v", left, err)
			return
		}
	}
}

// empty looks, when all nodes have been reset, that nothing of them is left on the machine.
func (c *cluster) empty() {
	if err := c.witness.look(); err != nil {
		c.Error(err)
	}
	for _, p := range c.witness.now() {
		c.Errorf("%s is left", p)
	}
	quiet(c.T, c.dir)
	if points := mounted(c.dir + "/"); len(points) > 0 {
		c.Errorf("mounted are still %s", points)
	}
	c.until("no loop device is left", func() error { // the kernel lets go of one when the last who looks at it has closed it
		files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
		for _, file := range files {
			if b, err := os.ReadFile(file); err == nil && strings.HasPrefix(string(b), c.dir+"/") {
				return fmt.Errorf("there is still one of %s", b)
			}
		}
		return err
	})
	if len(c.witness.last) > 0 && len(c.witness.namespaces) == 0 {
		c.Error("the witness has seen instances, and no network of theirs")
	}
	for _, m := range mounts() {
		if c.witness.namespaces[m.point] {
			c.Errorf("the network of an instance is still mounted at %s", m.point)
		}
	}
	for _, n := range c.nodes {
		for _, hierarchy := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
			groups, err := filepath.Glob(hierarchy + "/ozymandias/" + n.name + "*")
			if err != nil || len(groups) > 0 {
				c.Errorf("control groups %s are left, %v", groups, err)
			}
		}
	}
}
