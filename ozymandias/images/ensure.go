package images

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"teamtask.dev/ozymandias/podman"
)

// Ensure returns the id of the image that a name stands for, as soon as this node has it: see the package for what it stands for. It
// waits for one of the cluster's to come from another node as long as ctx allows; others it pulls. Meanwhile progress, if any, is
// told what it waits for, in words for people.
func (s *Store) Ensure(ctx context.Context, name string, progress func(string)) (id string, err error) {
	if progress == nil {
		progress = func(string) {}
	}
	names, err := meanings(name)
	if err != nil {
		return "", err
	}
	if id, err := s.await(ctx, name, names, progress); id != "" || err != nil {
		return id, err
	}
	for {
		if id, err := s.local(ctx, names); id != "" || err != nil {
			return id, err
		}
		id, err := s.pull(ctx, name, names, progress)
		if id != "" || err != nil {
			return id, err
		}
	}
}

// await waits until this node has the cluster's image of that name, and returns "" if the cluster has none.
func (s *Store) await(ctx context.Context, name string, names []string, progress func(string)) (id string, err error) {
	said := ""
	for {
		// Not what is known in here, which may be behind: a job applied after the image was loaded has to find it.
		k, _, err := s.read(ctx)
		if err != nil {
			return "", err
		}
		r, ok := k.find(names)
		if !ok {
			return "", nil
		}
		held, why := false, ""
		changed := s.now(func(*knowledge) {
			held = s.held[r.ID]
			if err := s.trouble[r.ID]; err != nil {
				why = ", so far without success: " + err.Error()
			}
		})
		if held {
			return r.ID, nil
		}
		doing := fmt.Sprintf("fetching image %s (%s) from another node%s", name, r.Size, why)
		if len(k.from(r.ID, s.node)) == 0 {
			doing = fmt.Sprintf("waiting for a node that has image %s: it was loaded into node %s; load it again if that is gone", name, r.By)
		}
		if doing != said {
			progress(doing)
			said = doing
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("%s: %w", doing, ctx.Err())
		case <-changed:
		}
	}
}

// find returns what the first of the names stands for that stands for something.
func (k *knowledge) find(names []string) (record, bool) {
	for _, name := range names {
		if r, ok := k.records[name]; ok {
			return r, true
		}
	}
	return record{}, false
}

// local returns the id of what this node's podman has by one of the names, or "".
func (s *Store) local(ctx context.Context, names []string) (id string, err error) {
	for _, name := range names {
		image, err := s.podman.Image(ctx, name)
		if err == nil {
			return image.ID, nil
		}
		if !errors.Is(err, podman.ErrNotFound) {
			return "", err
		}
	}
	return "", nil
}

// pull fetches an image from its registry. It returns "" if it waited for somebody else's pull of the same.
func (s *Store) pull(ctx context.Context, name string, names []string, progress func(string)) (id string, err error) {
	full := names[len(names)-1]
	if strings.HasPrefix(full, local+"/") {
		return "", fmt.Errorf("there is no image %s: load it by `ozymandias image load`, or name its registry", name)
	}
	s.mu.Lock()
	over, underway := s.pulling[full]
	if !underway {
		over = make(chan struct{})
		s.pulling[full] = over
	}
	s.mu.Unlock()
	if underway {
		progress("pulling image " + full)
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("pull image %s: %w", full, ctx.Err())
		case <-over:
			return "", nil
		}
	}
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.pulling, full)
		close(over)
	}()
	// A pull that nobody found under way may have been over by then.
	if id, err := s.local(ctx, names); id != "" || err != nil {
		return id, err
	}
	progress("pulling image " + full)
	id, err = s.podman.Pull(ctx, full, func(line string) { progress("pulling image " + full + ": " + line) })
	if err != nil && len(names) > 1 { // the registry was a guess
		return "", fmt.Errorf("there is no image %s: load it by `ozymandias image load`, or name its registry; %w", name, err)
	}
	return id, err
}
