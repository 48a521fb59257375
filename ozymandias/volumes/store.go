package volumes

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"teamtask.dev/ozymandias/durable"
	"teamtask.dev/ozymandias/schedule"
)

// Options say where volumes are.
type Options struct {
	// Dir is for those of this node: a directory of its own, below which nobody else changes anything.
	Dir string
	// Shared is a directory that this node has in common with others, for the shared volumes of jobs; "" if there is none. It is
	// better not the mount point itself but below it, so that it is not there when the file system is not: before the first time
	// nobody can tell that this is not mounted.
	Shared string
	// Cluster names the one whose volumes they are, for as long as it exists. Volumes of another are not opened: the error is
	// [ErrOtherCluster]. "" opens anybody's, and tells of no [Store.Storage].
	Cluster string
}

// Store has the volumes of a node. Its methods may be called at the same time; those about one volume wait for each other.
type Store struct {
	dir, shared, storage string

	mu    sync.Mutex
	there map[key]schedule.Volume // all that are in dir
	busy  map[key]chan struct{}   // what is being worked on; closed when that is over
}

// key is what a volume is known by.
type key struct {
	schedule.Instance
	name string
}

func keyOf(v schedule.Volume) key { return key{v.Instance, v.Name} }

func (k key) String() string {
	if k.ID == "" {
		return fmt.Sprintf("shared volume %s of job %s", k.name, k.Job)
	}
	return fmt.Sprintf("volume %s of instance %s of job %s", k.name, k.ID, k.Job)
}

// Open finds the volumes that there are, and deletes what is left of those that were not finished. It mounts nothing. One process has
// a directory open at a time.
func Open(ctx context.Context, o Options) (*Store, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("volumes are mounted, which only root may do: start this as root")
	}
	if err := present(); err != nil {
		return nil, err
	}
	s := &Store{there: map[key]schedule.Volume{}, busy: map[key]chan struct{}{}}
	for _, dir := range []struct {
		given    string
		absolute *string
	}{{o.Dir, &s.dir}, {o.Shared, &s.shared}} {
		if dir.given == "" {
			continue
		}
		var err error
		if *dir.absolute, err = filepath.Abs(dir.given); err != nil {
			return nil, fmt.Errorf("open the volumes in %s: %w", dir.given, err)
		}
	}
	if s.shared != "" {
		if status, err := os.Stat(s.shared); err != nil || !status.IsDir() {
			return nil, fmt.Errorf("there is no directory %s for shared volumes: is its file system mounted?", s.shared)
		}
	}
	// Others have no business there: within volumes everybody may write.
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory for volumes: %w", err)
	}
	if o.Cluster != "" {
		if err := s.claim(o.Cluster); err != nil {
			return nil, err
		}
	}
	if err := s.read(ctx); err != nil {
		return nil, fmt.Errorf("open the volumes in %s: %w", s.dir, err)
	}
	return s, nil
}

// claim makes the directories the cluster's.
func (s *Store) claim(cluster string) (err error) {
	if err := claim(s.dir, cluster); err != nil || s.shared == "" {
		return err
	}
	s.storage, err = share(s.dir, s.shared, cluster)
	return err
}

// read finds out what there is in the directory.
func (s *Store) read(ctx context.Context) error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue // nothing of ours
		}
		d := disk{filepath.Join(s.dir, entry.Name())}
		if strings.HasPrefix(entry.Name(), making) || strings.HasPrefix(entry.Name(), removing) {
			if err := d.scrap(ctx); err != nil {
				return fmt.Errorf("delete what was left over: %w", err)
			}
			continue
		}
		v, err := readRecord(d.dir)
		if errors.Is(err, os.ErrNotExist) {
			continue // nothing of ours
		}
		if err != nil {
			return err
		}
		s.there[keyOf(v)] = v
	}
	return nil
}

// All are the volumes on this node's own disk, whether mounted or not, each with the space that it has: this is more than was asked for
// last if more was asked for before; and the greatest epoch of those that asked.
func (s *Store) All() []schedule.Volume {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.there), compare)
}

// Ensure makes a volume if there is none of this instance and name, makes it larger if it has less than v.Space, mounts it if it is not,
// and returns the directory that containers get. A volume that has more than v.Space keeps it, as ext4 cannot give any back
// without being moved about. v.Epoch is written down, as that of who used it last.
//
// If there is not enough room on the disk, nothing is made and the error is unix.ENOSPC.
func (s *Store) Ensure(ctx context.Context, v schedule.Volume) (path string, err error) {
	if v.Job == "" || v.Name == "" || v.Space <= 0 {
		return "", fmt.Errorf("volume %+v lacks a job, a name or space: give it all three", v)
	}
	k := keyOf(v)
	if s.InCommon(v) {
		if err = s.confirm(); err == nil {
			path, err = ensureCommon(s.shared, v)
		}
	} else {
		path, err = s.ensure(ctx, v)
	}
	if err != nil {
		return "", fmt.Errorf("have %s: %w", k, err)
	}
	return path, nil
}

func (s *Store) ensure(ctx context.Context, v schedule.Volume) (string, error) {
	k := keyOf(v)
	release, err := s.hold(ctx, k)
	if err != nil {
		return "", err
	}
	defer release()
	d := disk{s.path(k)}
	have, exists := s.has(k)
	next := v
	next.Space, next.Epoch = max(v.Space, have.Space), max(v.Epoch, have.Epoch)
	switch {
	case !exists:
		err = s.make(ctx, next)
	case next.Space > have.Space:
		err = d.grow(ctx, next)
	case next.Epoch > have.Epoch:
		err = writeRecord(d.dir, next)
	}
	if err != nil {
		return "", err
	}
	s.set(k, next)
	if err := d.mount(ctx); err != nil {
		return "", err
	}
	return d.data(), nil
}

// make makes a volume under another name, and gives it its own when it is whole.
func (s *Store) make(ctx context.Context, v schedule.Volume) error {
	name := entry(keyOf(v))
	unfinished := disk{filepath.Join(s.dir, making+name)}
	err := unfinished.scrap(ctx)
	if err == nil {
		err = unfinished.make(ctx, v)
	}
	if err == nil {
		err = durable.Rename(unfinished.dir, filepath.Join(s.dir, name))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make it: %w", err), unfinished.scrap(context.WithoutCancel(ctx)))
	}
	return nil
}

// Remove unmounts a volume of this node's own disk and deletes it. That there is none is no error. One that is in use, be it by
// a program or by a container whose mount is not seen from here, is left, and the error says so.
func (s *Store) Remove(ctx context.Context, v schedule.Volume) error {
	k := keyOf(v)
	if err := s.remove(ctx, k); err != nil {
		return fmt.Errorf("remove %s: %w", k, err)
	}
	return nil
}

func (s *Store) remove(ctx context.Context, k key) error {
	release, err := s.hold(ctx, k)
	if err != nil {
		return err
	}
	defer release()
	if _, exists := s.has(k); !exists {
		return nil
	}
	d := disk{s.path(k)}
	leaving := disk{filepath.Join(s.dir, removing+entry(k))}
	if err := leaving.scrap(ctx); err != nil {
		return err
	}
	if err := d.release(ctx); err != nil {
		return err
	}
	if err := durable.Rename(d.dir, leaving.dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	delete(s.there, k)
	s.mu.Unlock()
	return leaving.scrap(ctx)
}

// Close unmounts all volumes of this node's own disk, for an orderly end of the machine or of the node. The error is about those
// that are in use; they stay as they are. A process that is only to be started anew need not call it.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.there))
	s.mu.Unlock()
	var faults []error
	for _, k := range all {
		if err := s.close(ctx, k); err != nil {
			faults = append(faults, fmt.Errorf("unmount %s: %w", k, err))
		}
	}
	return errors.Join(faults...)
}

func (s *Store) close(ctx context.Context, k key) error {
	release, err := s.hold(ctx, k)
	if err != nil {
		return err
	}
	defer release()
	return disk{s.path(k)}.unmount(ctx)
}

// hold waits until nobody works on a volume, and keeps others from it until release is called.
func (s *Store) hold(ctx context.Context, k key) (release func(), err error) {
	for {
		s.mu.Lock()
		others, busy := s.busy[k]
		if !busy {
			over := make(chan struct{})
			s.busy[k] = over
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, k)
				s.mu.Unlock()
				close(over)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-others:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *Store) has(k key) (v schedule.Volume, exists bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, exists = s.there[k]
	return v, exists
}

func (s *Store) set(k key, v schedule.Volume) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.there[k] = v
}

func (s *Store) path(k key) string { return filepath.Join(s.dir, entry(k)) }
