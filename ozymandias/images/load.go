package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"teamtask.dev/ozymandias/podman"
)

// repository is the one that podman has the cluster's images in, each tagged with its id.
const repository = "ozymandias.internal/image"

// mark is the name by which podman knows an image of the cluster.
func mark(id string) string { return repository + ":" + id }

// marked returns the id of an image that is the cluster's.
func marked(image podman.Image) (id string, ok bool) {
	// A mark on anything else than what it says does not count.
	return image.ID, slices.Contains(image.Names, mark(image.ID))
}

// Load takes images from an archive as `podman save` and `docker save` write it, for all nodes. It returns their full names. Names that
// are taken stand for the new content from then on.
func (s *Store) Load(ctx context.Context, archive io.Reader) ([]string, error) {
	over, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer over()
	names, err := s.podman.Load(ctx, archive)
	switch {
	case errors.Is(err, podman.ErrArchive):
		return nil, fmt.Errorf("%w: `podman save -o FILE IMAGE` or `docker save -o FILE IMAGE` writes one", podman.ErrArchive)
	case err != nil:
		return nil, err
	}
	if i := slices.IndexFunc(names, nameless); i >= 0 {
		return nil, fmt.Errorf("image %s in the archive %w: save it by its name, as in `podman save -o FILE NAME`", names[i], ErrNameless)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if err := s.recording.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer s.recording.Release(1)
	for _, name := range names {
		if err := s.adopt(ctx, name); err != nil {
			return nil, fmt.Errorf("load image %s: %w", name, err)
		}
	}
	return names, nil
}

// A load is an archive that is being taken. What has come of it has no mark yet.
type load struct {
	before map[string]bool // the ids of the images that there were already
}

// begin notes that an archive is being taken, until over is called.
func (s *Store) begin(ctx context.Context) (over func(), err error) {
	images, err := s.podman.Images(ctx)
	if err != nil {
		return nil, err
	}
	l := &load{map[string]bool{}}
	for _, image := range images {
		l.before[image.ID] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loads = append(s.loads, l)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.loads = slices.DeleteFunc(s.loads, func(other *load) bool { return other == l })
	}, nil
}

// loaded tells whether an image may be of an archive that is being taken.
func (s *Store) loaded(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.loads, func(l *load) bool { return !l.before[id] })
}

// nameless tells an id from a name.
func nameless(name string) bool {
	return strings.HasPrefix(name, "sha256:") || !strings.Contains(name, "/")
}

// adopt makes an image that podman has by that name one of the cluster's. From its record on the other nodes ask for it.
func (s *Store) adopt(ctx context.Context, name string) error {
	image, err := s.podman.Image(ctx, name)
	if err != nil {
		return err
	}
	if err := s.podman.Tag(ctx, image.ID, mark(image.ID)); err != nil {
		return err
	}
	value, err := json.Marshal(record{ID: image.ID, Size: image.Size, Loaded: time.Now().UTC(), By: s.node})
	if err != nil {
		return err
	}
	if _, err := s.etcd.Put(ctx, recordsKey+name, string(value)); err != nil {
		return fmt.Errorf("record it: %w", err)
	}
	return s.podman.RemoveImage(ctx, name) // the name alone: the image has its mark
}

// Save writes an image of the cluster for another node. The error is ErrNotFound if this one does not have it, or ErrBusy; in both cases
// nothing was written.
func (s *Store) Save(ctx context.Context, id string, w io.Writer) error {
	select {
	case s.saves <- struct{}{}:
		defer func() { <-s.saves }()
	default:
		return fmt.Errorf("save image %s: %w", id, ErrBusy)
	}
	images, err := s.podman.Images(ctx)
	if err != nil {
		return fmt.Errorf("save image %s: %w", id, err)
	}
	// Looked for in the list, since what others ask for may be any text.
	if !slices.ContainsFunc(images, func(i podman.Image) bool { had, ok := marked(i); return ok && had == id }) {
		return fmt.Errorf("save image %s: %w on node %s", id, ErrNotFound, s.node)
	}
	return s.podman.Save(ctx, mark(id), w)
}
