package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/adrg/xdg"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/cli/text"
	"teamtask.dev/client"
	"teamtask.dev/items"
	"teamtask.dev/store"
	"teamtask.dev/worker"
)

// begin finds the list of an earlier run over the same source, or makes one.
func (o *runOptions) begin(ctx context.Context, c *client.Client, wl *v1alpha1.Worklist) (*v1alpha1.Worklist, error) {
	old, err := c.Get(ctx, runName)
	if client.IsNotFound(err) {
		return c.Create(ctx, wl)
	}
	if err != nil {
		return nil, err
	}
	if what := changed(old, wl); what != "" {
		if !old.Status.Phase().Over() && old.Status.Done+old.Status.Failed > 0 {
			restore := ""
			if fingerprint(old) != fingerprint(wl) {
				restore = "bring its items back, and "
			}
			return nil, fmt.Errorf(`an earlier run over the same source is not finished (%s of %s items are done), and %s.
Choose one:
  - go on with it: %srun it as it was, that is
      %s
  - forget it and begin anew: --fresh
  - keep it, and run this one beside it: --state DIR`,
				text.Count(old.Status.Done), text.Count(old.Status.Size), what, restore, worker.Line(old.Spec.Command))
		}
		if err := c.Delete(ctx, runName); err != nil {
			return nil, err
		}
		return c.Create(ctx, wl)
	}
	if o.again && old.Status.Failed > 0 {
		if _, err := c.Retry(ctx, runName); err != nil {
			return nil, err
		}
	}
	return c.Apply(ctx, wl) // limits and the like may be others now
}

// changed says how a run differs from an earlier one in what may not differ; "" if it does not.
func changed(old, wl *v1alpha1.Worklist) string {
	switch {
	case fingerprint(old) != fingerprint(wl) && wl.Spec.Items != nil && wl.Spec.Items.Lines != nil:
		return "the file " + wl.Spec.Items.Lines.Path + " has changed since"
	case fingerprint(old) != fingerprint(wl):
		return "its items were others"
	case !slices.Equal(old.Spec.Command, wl.Spec.Command):
		return "its command was another"
	}
	return ""
}

func fingerprint(wl *v1alpha1.Worklist) string {
	if wl.Spec.Items == nil {
		return fmt.Sprint(wl.Spec.Size)
	}
	return wl.Spec.Items.Fingerprint()
}

// stateDir is where the state of a run is kept: one place for each source in each directory, whatever the source holds
// and the command is, so that a change of either is noticed.
func stateDir(wl *v1alpha1.Worklist) (string, error) {
	wd, err := os.Getwd()
	if err != nil {
		return "", err
	}
	var source items.Spec
	size := wl.Spec.Size
	if wl.Spec.Items != nil {
		source, size = *wl.Spec.Items, 0 // that of a file may change
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s %d", wd, withoutContent(source).Fingerprint(), size))
	return filepath.Join(xdg.StateHome, "teamtask", "run-"+hex.EncodeToString(sum[:8])), nil
}

// removeState forgets a run, unless it is going on or the directory holds something else.
func removeState(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() != "etcd" && e.Name() != "lock" {
			return fmt.Errorf("--state %s: is not the state of a run: it holds %s", dir, e.Name())
		}
	}
	return store.Remove(dir)
}
