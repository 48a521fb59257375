package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"teamtask.dev/ozymandias/podman"
)

// Spare removes the oldest image that can be spared on this node: it was pulled, so it can be again; no container is of it; and none of the names
// that are planned stands for it. It tells whether there was one.
func (s *Store) Spare(ctx context.Context, planned []string) (bool, error) {
	if err := s.recording.Acquire(ctx, 1); err != nil {
		return false, err
	}
	defer s.recording.Release(1) // until then no load is over
	kept := map[string]bool{}
	for _, name := range planned {
		names, _ := meanings(name) // a name that is none has no image
		for _, name := range names {
			kept[name] = true
		}
	}
	images, err := s.podman.Images(ctx)
	if err != nil {
		return false, err
	}
	slices.SortFunc(images, func(a, b podman.Image) int { return a.Created.Compare(b.Created) })
	for _, image := range images {
		names := slices.Concat(image.Names, image.Digests)
		stays := func(name string) bool {
			return kept[name] || strings.HasPrefix(name, local+"/") || strings.HasPrefix(name, repository)
		}
		if len(names) == 0 || image.Containers > 0 || s.loaded(image.ID) || slices.ContainsFunc(names, stays) {
			continue
		}
		err := s.remove(ctx, image)
		if refused := (*podman.Error)(nil); errors.As(err, &refused) && refused.Status == http.StatusConflict {
			continue // a container of it has been made meanwhile
		}
		if err != nil {
			return false, err
		}
		s.log.Info("removed an image that nothing here needs, for the sake of the disk", "names", names, "id", image.ID)
		return true, nil
	}
	return false, nil
}

// remove removes an image with all of its names.
func (s *Store) remove(ctx context.Context, image podman.Image) error {
	if len(image.Names) == 0 { // it was pulled by its digest
		return s.podman.RemoveImage(ctx, image.ID)
	}
	for _, name := range image.Names {
		if err := s.podman.RemoveImage(ctx, name); err != nil {
			return fmt.Errorf("remove image %s: %w", image.ID, err)
		}
	}
	return nil
}
