package node

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/durable"
)

// A paper is what a node has in writing of its lease, for the process after it.
type paper struct {
	Lease clientv3.LeaseID `json:"lease"`
	// Boot is of the machine: what ran before the machine was started does not run any more.
	Boot string `json:"boot"`
}

func (n *Node) paper() string { return filepath.Join(n.Dir, "lease") }

// readPaper returns what the process before has written; zero if there is nothing that can be read. Without it, that process's lease
// has to run out before this one can join.
func (n *Node) readPaper() (p paper) {
	b, err := os.ReadFile(n.paper())
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		n.Log.Warn("cannot read which lease the node had", "error", err)
	}
	return p
}

// writePaper writes down a lease so that it is found whatever happens next.
func (n *Node) writePaper(p paper) error {
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write down the lease: %w", err)
	}
	if err := durable.Write(n.paper(), append(b, '\n')); err != nil {
		return fmt.Errorf("write down the lease: %w", err)
	}
	return nil
}

// boot identifies the time from one start of the machine to the next, random(4).
func boot() (string, error) {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("look when the machine was started: %w", err)
	}
	return string(bytes.TrimSpace(b)), nil
}
