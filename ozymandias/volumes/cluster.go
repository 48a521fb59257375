package volumes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"teamtask.dev/ozymandias/durable"
)

// ErrOtherCluster says that volumes are of another cluster; use errors.Is.
var ErrOtherCluster = errors.New("the volumes are of another cluster")

// clusterFile says in a directory of volumes of which cluster they are.
const clusterFile = "cluster"

// claim marks a directory as the cluster's, or says whose it is. Of several nodes that do so at the same time each writes the same.
func claim(dir, cluster string) error {
	path := filepath.Join(dir, clusterFile)
	owner, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := durable.Write(path, []byte(cluster)); err != nil {
			return fmt.Errorf("mark the volumes in %s: %w", dir, err)
		}
	case err != nil:
		return fmt.Errorf("look of which cluster the volumes in %s are: %w", dir, err)
	case string(owner) != cluster:
		return fmt.Errorf("%w: those in %s, which this cluster would take for left over and delete. Give another directory; "+
			"or move what is there elsewhere; or, if they are this cluster's all the same, remove %s", ErrOtherCluster, dir, path)
	}
	return nil
}
