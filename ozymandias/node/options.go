package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"path/filepath"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/ozymandias/images"
	"teamtask.dev/ozymandias/lease"
	"teamtask.dev/ozymandias/names"
	"teamtask.dev/ozymandias/placement"
	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/secrets"
	"teamtask.dev/ozymandias/state"
	"teamtask.dev/ozymandias/volumes"
)

// Options of a node. What is not said to have a default is needed.
type Options struct {
	// Name is the node's, unique in the cluster.
	Name string
	// Address is where the other nodes reach it, an IP address.
	Address string
	// Labels of the node; default none.
	Labels map[string]string
	// Dir is what is kept through a restart of the machine: the lease's number, volumes.
	Dir string
	// Run is what is lost then, on a file system in memory: the lock, the watchdog's socket, files of secrets.
	Run string
	// Cgroup is the control group of the node's own: pods run below its stop and its keep. Default ozymandias/NAME.
	Cgroup string
	// TTL of the lease; default [lease.DefaultTTL].
	TTL time.Duration
	// Capacity is what instances may have together. A field that is 0 is measured when the node joins: what the machine has of memory,
	// less a reserve; the disk that Dir is on, less what others have there; processors.
	Capacity placement.Resources
	// Leave is asked when the node is told to end: whether it is to stop everything and end its lease. If not, or if nil, the instances go
	// on, for the next process to take up before the lease has run out.
	Leave func() bool
	// Etcd for the lease, Store for the records, and Mirror of them, which the caller follows.
	Etcd   *clientv3.Client
	Store  *state.Store
	Mirror *state.Mirror
	// Admitted says why the node may not join, as one that was deleted: a process that was cut off may be the last to hear of that. nil: it may.
	Admitted func(context.Context) error
	// Podman is where the service that the node starts is to be.
	Podman podman.Options
	// Network that pods are attached to.
	Network podman.Network
	// Check says why nothing can run here though podman answers, such as that the network has to be made anew. nil: nothing to check.
	Check func() error
	// Nameserver of the pods, which know the cluster's names. The zero value leaves them the machine's.
	Nameserver netip.Addr
	// Taken are TCP ports of this node that its ingress listens on. What a job publishes there is left to the ingress if that leads to
	// it, and refused otherwise.
	Taken []uint16
	// Ingress is asked for what keeps the node's ingress from doing all that jobs ask of it, to be told to all nodes. nil: there is none.
	Ingress func() []schedule.IngressProblem
	// Watchdog makes the command that runs [teamtask.dev/ozymandias/watchdog.Guard] on [WatchdogSocket], for [StopGroup], with that first
	// time.
	Watchdog func(until time.Duration) *exec.Cmd
	// Volumes of the node; nil: what asks for volumes cannot run.
	Volumes *volumes.Store
	// KeepVolumes is for how long at least volumes are kept that nothing uses any more though nobody has deleted them: of an instance that has
	// settled on another node, of a job that nobody knows. They go before that if their room is needed. 0: they go at once.
	KeepVolumes time.Duration
	// Images of the cluster; nil: only what podman has. The node tells it of each lease.
	Images *images.Store
	// Secrets of the cluster; nil: what asks for secrets cannot run.
	Secrets *secrets.Store
	// Names gets the addresses of healthy instances; nil: they have no names. The node runs it.
	Names *names.Publisher
	// Log gets what happens.
	Log *slog.Logger
}

// WatchdogSocket is where the watchdog of the node with that run directory answers.
func WatchdogSocket(run string) string { return filepath.Join(run, "watchdog.sock") }

// The groups below a node's own.
const (
	stopGroup = "/stop"
	keepGroup = "/keep"
)

// StopGroup is the control group, below a node's own, of all that is to be ended when the node's lease runs out.
func StopGroup(cgroup string) string { return cgroup + stopGroup }

// complete fills in defaults, and says what is missing.
func (o *Options) complete() error {
	if o.Cgroup == "" {
		o.Cgroup = "ozymandias/" + o.Name
	}
	if o.TTL == 0 {
		o.TTL = lease.DefaultTTL
	}
	var faults []error
	for _, need := range []struct {
		name  string
		given bool
	}{
		{"Name", o.Name != ""}, {"Address", o.Address != ""}, {"Dir", filepath.IsAbs(o.Dir)}, {"Run", filepath.IsAbs(o.Run)}, {"Etcd", o.Etcd != nil},
		{"Store", o.Store != nil}, {"Mirror", o.Mirror != nil}, {"Podman", o.Podman.Dir != "" && o.Podman.Run != ""}, {"Network", o.Network.Name != ""},
		{"Watchdog", o.Watchdog != nil}, {"Log", o.Log != nil},
	} {
		if !need.given {
			faults = append(faults, fmt.Errorf("option %s is missing", need.name))
		}
	}
	if o.TTL < 2*time.Second {
		faults = append(faults, fmt.Errorf("a lease of %s is too short to stop anything in: take at least 2s", o.TTL))
	}
	return errors.Join(faults...)
}
