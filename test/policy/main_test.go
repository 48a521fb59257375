package policy

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"teamtask.dev/test/cluster"
)

// running is the cluster that all tests share, each in namespaces of its own. What config/ describes is installed on it, but no
// program runs: tests play the controller and the workers.
var running *cluster.Cluster

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(cluster.Share(m, func(ctx context.Context, c *cluster.Cluster) (func() error, error) {
		running = c
		if err := noteInputs(); err != nil {
			return nil, err
		}
		if *update {
			if err := renderManager(ctx); err != nil {
				return nil, err
			}
		}
		return nil, install(ctx)
	}))
}

// noteInputs looks at all that other programs read, so that `go test` knows a result of before it was changed for an old one.
func noteInputs() error {
	for _, dir := range []string{root("config"), root("charts"), root("hack")} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
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

// install applies config/, and waits until the API server goes by it: it looks for new policies once a second, and for the
// schemas of new kinds, without which it cannot stamp a Block, every five.
func install(ctx context.Context) error {
	// The namespace is known a moment later than it is there: what goes into it is refused until then, and applied again.
	err := eventually(ctx, func() error {
		_, err := running.Kubectl(ctx, "apply", "--server-side", "--kustomize", root("config"))
		return err
	})
	if err != nil {
		return err
	}
	return eventually(ctx, func() error { return policiesHold(ctx) })
}

// policiesHold tells whether policies are in force, by the stamp and by the last of them in the order in which they are applied.
func policiesHold(ctx context.Context) error {
	if err := bind(ctx, "default", "teamtask-worker", "Group", "teamtask:probe"); err != nil {
		return err
	}
	joins, err := admin().assignments("default").create(ctx, newAssignment("any", "probe-"+strings.ToLower(rand.Text())))
	if err != nil {
		return err
	}
	if joins.Spec.User != "admin" {
		return errors.New("Assignments are not stamped")
	}
	probe := newBlock("", "any")
	probe.GenerateName = "probe-"
	probe, err = admin().blocks("default").create(ctx, probe)
	if err != nil {
		return err
	}
	if probe.Spec.User != "admin" {
		return errors.New("Blocks are not stamped")
	}
	probe.Status.Ready = "1/1"
	_, err = user("stranger", "teamtask:probe").blocks("default").writeStatus(ctx, probe)
	if err == nil {
		return errors.New("a stranger may write the status of a Block")
	}
	if !strings.Contains(err.Error(), "only who created a Block") {
		return err
	}
	return nil
}

// patience is how long tests wait for what has to happen. Kubernetes' controllers of garbage and quotas learn of new kinds every
// half minute.
const patience = 4 * time.Minute

var errNotYet = errors.New("it has not come to pass yet")

// eventually tries again until it succeeds.
func eventually(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("still, after %s: %w", patience, err)
		case <-again.C:
		}
	}
}
