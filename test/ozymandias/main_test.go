package ozymandias

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
)

// patience is how long anything may take on a slow and busy machine.
const patience = 4 * time.Minute

// image is that of all instances.
const image = "localhost/faults-guest:1"

var (
	more = flag.Int("faults", 0, "how many more things go wrong than one of each kind")
	seed = flag.Uint64("seed", rand.Uint64(), "of what goes wrong")
)

// bin has the programs: ozymandias, guest, coredns, flanneld; and the image, guest.tar.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	code := 1
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	if err := os.RemoveAll(bin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// build builds all programs.
func build() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("the tests of faults make networks and run containers: run them as root")
	}
	if bin, err = os.MkdirTemp("", "ozb"); err != nil {
		return err
	}
	for _, name := range []string{"teamtask.dev/cmd/ozymandias", "teamtask.dev/test/ozymandias/guest"} {
		c := exec.Command("go", "build", "-ldflags=-s -w", "-o", bin+"/", name)
		c.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := c.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w: %s", name, err, out)
		}
	}
	for _, source := range []program.Source{program.CoreDNS, program.Flannel} {
		built, err := programtest.Build(source)
		if err == nil {
			err = os.Symlink(built, filepath.Join(bin, filepath.Base(built)))
		}
		if err != nil {
			return err
		}
	}
	return buildImage()
}

// buildImage has podman make the guest an image, in a store for this alone. vfs mounts nothing.
func buildImage() error {
	if err := os.WriteFile(filepath.Join(bin, "Containerfile"), []byte("FROM scratch\nCOPY guest /guest\nENTRYPOINT [\"/guest\"]\n"), 0o600); err != nil {
		return err
	}
	store := filepath.Join(bin, "p")
	for _, args := range [][]string{
		{"build", "--isolation", "chroot", "--tag", image, "--file", filepath.Join(bin, "Containerfile"), bin},
		{"save", "--output", filepath.Join(bin, "guest.tar"), image},
	} {
		own := []string{"--root", store + "/root", "--runroot", store + "/run", "--tmpdir", store + "/tmp", "--storage-driver", "vfs", "--runtime", "runc"}
		if out, err := exec.Command("podman", append(own, args...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("podman %s: %w: %s", args[0], err, out)
		}
	}
	return os.RemoveAll(store)
}
