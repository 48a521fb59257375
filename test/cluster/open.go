package cluster

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// record is what another process needs to know of a cluster.
type record struct {
	Host, URL, Kubeconfig, Programs string
	Nodes                           []nodeRecord
}

type nodeRecord struct {
	Name, Address string
	Number, PID   int
}

// record writes that the cluster is ready, for Open.
func (c *Cluster) record() error {
	r := record{Host: c.Host, URL: c.URL, Kubeconfig: c.Kubeconfig, Programs: c.Programs}
	for _, n := range c.Nodes {
		r.Nodes = append(r.Nodes, nodeRecord{Name: n.Name, Address: n.Address, Number: n.number, PID: n.pid})
	}
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(c.path("cluster.json"), b, 0o600)
}

// Open is a cluster whose data is in a directory, as it was when it was ready, and that another process runs. It takes
// commands and images, but no nodes, and is not this process's to stop.
func Open(dir string) (*Cluster, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Dir: dir}
	b, err := os.ReadFile(c.path("cluster.json"))
	if err != nil {
		return nil, fmt.Errorf("no cluster is ready in %s: %w", dir, err)
	}
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read %s: %w", c.path("cluster.json"), err)
	}
	c.Host, c.URL, c.Kubeconfig, c.Programs = r.Host, r.URL, r.Kubeconfig, r.Programs
	for _, n := range r.Nodes {
		c.Nodes = append(c.Nodes, &Node{Name: n.Name, Address: n.Address, cluster: c, number: n.Number, pid: n.PID})
	}
	return c, nil
}
