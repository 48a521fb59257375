package volumes

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"teamtask.dev/ozymandias/durable"
)

// storageFile has, in a directory that nodes have in common, what they call it by: each may have mounted it elsewhere.
const storageFile = "storage"

// memoryFile says, among the volumes of the node's own, what directory it has had in common with others.
const memoryFile = "shared"

// A memory is of the directory in common as it was found last. If its file system is its mount point's own, an empty directory is
// there as long as that is not mounted: it would be taken for a new one, and volumes would begin empty on the node's own disk.
type memory struct {
	Directory string `json:"directory"`
	Cluster   string `json:"cluster"`
	Storage   string `json:"storage"`
}

// share claims the directory that nodes have in common, and returns what they call it by.
func share(own, shared, cluster string) (storage string, err error) {
	path := filepath.Join(own, memoryFile)
	before, err := recall(path)
	if err != nil {
		return "", fmt.Errorf("look what directory was used for shared volumes: %w", err)
	}
	if before.Directory == shared && before.Cluster == cluster {
		if err := before.confirm(path); err != nil {
			return "", err
		}
	}
	if err := claim(shared, cluster); err != nil {
		return "", err
	}
	if storage, err = name(shared); err != nil {
		return "", fmt.Errorf("name the storage in %s: %w", shared, err)
	}
	now := memory{Directory: shared, Cluster: cluster, Storage: storage}
	if now == before {
		return storage, nil
	}
	text, err := json.Marshal(now)
	if err == nil {
		err = durable.Write(path, text)
	}
	if err != nil {
		return "", fmt.Errorf("remember the directory for shared volumes: %w", err)
	}
	return storage, nil
}

func recall(path string) (m memory, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}

// confirm says so when a directory is not the one that it was.
func (m memory) confirm(path string) error {
	_, err := os.Stat(filepath.Join(m.Directory, clusterFile))
	var storage []byte
	if err == nil {
		storage, err = os.ReadFile(filepath.Join(m.Directory, storageFile))
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s has none of the marks that it had as directory for shared volumes: is its file system mounted? If it is, and is to be used as it is, remove %s and start the node anew",
			m.Directory, path)
	case err != nil:
		return fmt.Errorf("look whether %s is still the directory for shared volumes: %w", m.Directory, err)
	case string(storage) != m.Storage:
		return fmt.Errorf("%s is another storage (%s) than it was as directory for shared volumes (%s): is the right file system mounted? If it is, remove %s and start the node anew",
			m.Directory, storage, m.Storage, path)
	}
	return nil
}

// name is what nodes call the storage by that a directory is on. Of several that give it a name at the same time one does; the others go by
// that.
func name(dir string) (string, error) {
	path := filepath.Join(dir, storageFile)
	for {
		storage, err := os.ReadFile(path)
		if !errors.Is(err, os.ErrNotExist) {
			if err == nil && len(storage) == 0 {
				err = fmt.Errorf("%s is empty: remove it", path)
			}
			return string(storage), err
		}
		next, err := durable.Create(path)
		if err != nil {
			return "", err
		}
		_, err = next.WriteString(rand.Text()[:12])
		if err = errors.Join(err, next.Sync(), next.Close()); err != nil {
			return "", errors.Join(err, os.Remove(next.Name()))
		}
		// A rename would take the place of another's, and a link does not, on NFS neither. A file system that has no links has to do
		// with the rename: nodes that first see it at the same moment are rare.
		if err = os.Link(next.Name(), path); err == nil || errors.Is(err, os.ErrExist) {
			err = errors.Join(os.Remove(next.Name()), durable.Sync(dir))
		} else {
			err = durable.Rename(next.Name(), path)
		}
		if err != nil {
			return "", err
		}
	}
}
