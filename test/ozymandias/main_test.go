package ozymandias

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/program/programtest"
	"teamtask.dev/test/image"
)

// patience is how long anything may take on a slow and busy machine.
const patience = 4 * time.Minute

// guest is the image of the faults' instances: guestProgram, and nothing else.
const guest, guestProgram = "localhost/faults-guest:1", "teamtask.dev/test/ozymandias/guest"

var (
	more = flag.Int("faults", 0, "how many more things go wrong than one of each kind")
	seed = flag.Uint64("seed", rand.Uint64(), "of what goes wrong")
)

// bin has the programs: ozymandias, guest, coredns, flanneld, and those of the examples; and the image, guest.tar.
var bin string

func TestMain(m *testing.M) {
	flag.Set("test.parallel", "4") // they wait more than they compute
	flag.Parse()
	code := 1
	if err := prepare(); err != nil {
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

// prepare builds the programs, and the image.
func prepare() (err error) {
	if os.Geteuid() != 0 {
		return errors.New("the tests of faults make networks and run containers: run them as root")
	}
	if bin, err = os.MkdirTemp("", "ozb"); err != nil {
		return err
	}
	ctx := context.Background() // the first time, on a busy machine, it takes long
	for name, pkg := range map[string]string{"ozymandias": "teamtask.dev/cmd/ozymandias", "guest": guestProgram,
		"teamtask": "teamtask.dev/cmd/teamtask", "primes": "teamtask.dev/examples/primes", "stream": "teamtask.dev/examples/streams"} {
		if err := image.Program(ctx, pkg, filepath.Join(bin, name)); err != nil {
			return err
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
	return image.OfProgram(ctx, guest, guestProgram, filepath.Join(bin, "guest.tar"))
}
