package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/worker"
)

// runHook runs a hook with a part, until it ends or ctx does.
func runHook(ctx context.Context, hook string, env []string, part *v1alpha1.AssignmentSpec) error {
	text, err := json.Marshal(sheetOf(part))
	if err != nil {
		return fmt.Errorf("run the hook: %w", err)
	}
	// A file, and not a pipe: nothing waits for a hook that does not read it.
	in, err := os.CreateTemp("", "teamtask-part-")
	if err != nil {
		return fmt.Errorf("run the hook: %w", err)
	}
	defer in.Close()
	if err := errors.Join(os.Remove(in.Name()), fill(in, text)); err != nil {
		return fmt.Errorf("run the hook: %w", err)
	}
	env = append(env, fmt.Sprintf("TEAMTASK_VERSION=%d", part.Version))
	p, err := worker.Start([]string{"/bin/sh", "-c", hook}, env, in, os.Stderr, os.Stderr)
	if err != nil {
		return fmt.Errorf("run the hook: %w", err)
	}
	select {
	case <-p.Ended():
		if code, how := p.Exit(); code != 0 {
			return fmt.Errorf("the hook says that the program does not run its part: %s", how)
		}
		return nil
	case <-ctx.Done():
		p.Stop(ctx, 0)
		return ctx.Err()
	}
}

// fill writes a file that is then read from its beginning.
func fill(f *os.File, text []byte) error {
	if _, err := f.Write(text); err != nil {
		return err
	}
	_, err := f.Seek(0, 0)
	return err
}
