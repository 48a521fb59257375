package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"teamtask.dev/cli/cmdline"
	"teamtask.dev/ozymandias/cli"
	"teamtask.dev/ozymandias/cluster"
	"teamtask.dev/ozymandias/job"
	"teamtask.dev/ozymandias/network"
	"teamtask.dev/ozymandias/program"
	"teamtask.dev/ozymandias/schedule"
	"teamtask.dev/ozymandias/secrets"
)

// options are the flags of `ozymandias node`.
type options struct {
	name, address    string
	dataDir, runDir  string
	join             []string
	token, tokenFile string
	labels           []string
	shared           string
	keepVolumes      time.Duration
	memory, disk     string
	cpus             string
	http, https      string
	pods             string
	etcd             program.Etcd
	forceNewCluster  bool
	restore          string
	acmeEmail        string
	acmeDirectory    string
	acmeCA           string
	vault            secrets.VaultOptions
	vaultCA          string
	log              cli.LogFlags
}

const defaultDataDir = "/var/lib/ozymandias"

func nodeCommand() *cobra.Command {
	o := &options{}
	cmd := &cobra.Command{
		Use:   "node",
		Short: "Run this machine as a node of the cluster",
		Long: `Run this machine as a node: it runs what the cluster's jobs want here, and decides with the other
nodes what runs where. All nodes are alike; there is no master.

The first node needs nothing. It founds a cluster, with an etcd embedded in it, and says how
other machines join. The first three nodes, later five, have a member of etcd each, so that one
of them, later two, can be lost at any time.

Needed on the machine: root, podman 4 with runc or crun, conmon, catatonit, netavark and iptables;
e2fsprogs for volumes; coredns for names; flanneld as soon as there is more than one node.

Ctrl-C stops what runs here, hands it to the other nodes and leaves. SIGTERM, as service managers
send it, ends the process alone: what runs goes on for a node that is started again at once, and
is ended if there is none within seconds. Either way the machine stays one of the cluster's.`,
		Example: `  ozymandias node
  ozymandias node --join 10.0.0.1 --token-file token
  ozymandias node --join 10.0.0.1 --token-file token --label zone=b --label ssd=yes --memory 24G`,
		Args: cmdline.Arguments(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return runNode(cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.name, "name", "", "the node's name, one of its own in the cluster (default the machine's host name)")
	f.StringVar(&o.address, "address", "", "IP address where the other nodes reach this one (default the one it had before, or else reaches others from)")
	f.StringVar(&o.dataDir, "data-dir", defaultDataDir, "directory for all that has to outlive a restart: etcd, images, volumes")
	f.StringVar(&o.runDir, "run-dir", cli.DefaultRunDir, "directory in memory for sockets, locks and secrets")
	f.StringSliceVar(&o.join, "join", nil, "HOST[:PORT] of nodes of the cluster to join, for the first time")
	f.StringVar(&o.tokenFile, "token-file", "", "file with the token to join with, for the first time (default: the token is $"+joinTokenVariable+")")
	f.StringVar(&o.token, "token", "", "the token itself, which everybody on this machine can read as long as the node runs")
	f.StringArrayVar(&o.labels, "label", nil, "NAME=VALUE for jobs to ask for; "+"may be given several times")
	f.StringVar(&o.shared, "shared-storage", "", "directory of a file system that other nodes mount, too, for shared volumes; the node labels itself shared-storage=ID, alike where it is the same one")
	f.DurationVar(&o.keepVolumes, "keep-volumes", 24*time.Hour, "how long to keep volumes whose instance runs on another node now, or whose job the cluster does not know; less if room is needed")
	f.StringVar(&o.memory, "memory", "", "memory for jobs, such as 24G (default what the machine has, less a reserve)")
	f.StringVar(&o.disk, "disk", "", "disk for volumes (default what is free in the file system of --data-dir, less a reserve)")
	f.StringVar(&o.cpus, "cpus", "", "processors for jobs (default all)")
	f.StringVar(&o.http, "http", ":80", "address where the ingress listens for HTTP")
	f.StringVar(&o.https, "https", ":443", "address where it listens for HTTPS")
	f.StringVar(&o.pods, "pods", "", "addresses for pods, said when the cluster is founded (default "+network.DefaultPods.String()+")")
	f.StringSliceVar(&o.etcd.Endpoints, "etcd-endpoints", nil, "keep the state in this etcd, 3.5.23, 3.6.5 or later, instead of an embedded one")
	f.StringVar(&o.etcd.CA, "etcd-cacert", "", "certificate of the authority that signed etcd's (PEM)")
	f.StringVar(&o.etcd.Certificate, "etcd-cert", "", "certificate file (PEM) to show to etcd")
	f.StringVar(&o.etcd.Key, "etcd-key", "", "its key file (PEM)")
	f.BoolVar(&o.forceNewCluster, "force-new-cluster", false, "when most members of etcd are gone for good: go on with what this node's member has, alone; done once")
	f.StringVar(&o.restore, "restore", "", "found the cluster anew from this file of ozymandias backup, for the first time")
	f.StringVar(&o.acmeEmail, "acme-email", "", "get certificates for ingress hosts that want one by ACME (Let's Encrypt), whose terms you agree to; where to write to you")
	f.StringVar(&o.acmeDirectory, "acme-directory", "", "URL of another authority that speaks ACME")
	f.StringVar(&o.acmeCA, "acme-cacert", "", "certificate of the authority that signed that one's (PEM)")
	f.StringVar(&o.vault.Address, "vault-address", "", "URL of Vault, for jobs with secrets in it")
	f.StringVar(&o.vaultCA, "vault-cacert", "", "certificate of the authority that signed Vault's (PEM)")
	f.StringVar(&o.vault.Mount, "vault-mount", "cert", "where Vault's certificate authentication is mounted")
	cmd.MarkFlagsMutuallyExclusive("token", "token-file")
	cmd.MarkFlagsRequiredTogether("etcd-cert", "etcd-key")
	o.log.AddTo(f)
	return cmd
}

// settings are the options, checked.
type settings struct {
	options
	address netip.Addr // what --address says; then the node's
	before  netip.Addr // the node's when it last ran; not valid if this machine is none yet
	join    []string
	token   string
	labels  map[string]string
	memory  job.Size
	disk    job.Size
	cpus    job.CPUs
	pods    netip.Prefix
}

func (o *options) check() (s settings, err error) {
	s.options = *o
	if os.Geteuid() != 0 {
		return s, fmt.Errorf("a node has to be root, as it makes networks, volumes and control groups: sudo ozymandias node")
	}
	if s.name, err = nodeName(o.name); err != nil {
		return s, err
	}
	if o.address != "" {
		if s.address, err = netip.ParseAddr(o.address); err != nil {
			return s, fmt.Errorf("--address %q: must be an IP address of this machine", o.address)
		}
		s.address = s.address.Unmap()
	}
	for _, program := range []string{"podman", "conmon"} {
		if _, err := exec.LookPath(program); err != nil {
			return s, fmt.Errorf("%s is not installed, which a node runs containers by: apt-get install podman, or its like", program)
		}
	}
	for flag, address := range map[string]string{"--http": o.http, "--https": o.https} {
		if err := checkListen(address); err != nil {
			return s, fmt.Errorf("%s %q: %w", flag, address, err)
		}
	}
	if o.acmeEmail == "" && (o.acmeDirectory != "" || o.acmeCA != "") {
		return s, fmt.Errorf("--acme-directory and --acme-cacert need --acme-email, without which no certificates are asked for")
	}
	for _, host := range o.join {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), fmt.Sprint(cluster.DefaultAPIPort))
		}
		s.join = append(s.join, host)
	}
	if s.before, err = cluster.LastAddress(o.dataDir); err != nil {
		return s, fmt.Errorf("look whether this machine is a node: %w", err)
	}
	joined := s.before.IsValid()
	if s.token, err = o.joinToken(); err != nil && !(joined && errors.Is(err, fs.ErrNotExist)) {
		return s, err
	}
	switch {
	case len(s.join) == 0 || s.token != "":
	case joined:
		s.join = nil // its flags may stay as they were, with a token that is nowhere any more
	default:
		return s, fmt.Errorf("--join needs the token, by --token-file or $%s: ozymandias token join, on a node of the cluster, prints it", joinTokenVariable)
	}
	s.labels = map[string]string{}
	for _, label := range o.labels {
		name, value, ok := strings.Cut(label, "=")
		if !ok || name == "" {
			return s, fmt.Errorf("--label %q: must be NAME=VALUE", label)
		}
		s.labels[name] = value
	}
	if value, given := s.labels[schedule.StorageLabel]; given { // volumes are looked for where it says
		return s, fmt.Errorf("--label %s=%s: this label a node gives itself, by its --shared-storage DIRECTORY: call yours something else", schedule.StorageLabel, value)
	}
	if s.memory, err = size("--memory", o.memory); err != nil {
		return s, err
	}
	if s.disk, err = size("--disk", o.disk); err != nil {
		return s, err
	}
	if o.cpus != "" {
		if s.cpus, err = job.ParseCPUs(o.cpus); err != nil {
			return s, fmt.Errorf("--cpus: %w", err)
		}
	}
	if o.keepVolumes < 0 {
		return s, fmt.Errorf("--keep-volumes %s: must be 0 or more", o.keepVolumes)
	}
	if o.pods == "" {
		return s, nil
	}
	if s.pods, err = netip.ParsePrefix(o.pods); err != nil {
		return s, fmt.Errorf("--pods %q: must be a range of addresses, such as %s", o.pods, network.DefaultPods)
	}
	if err := network.CheckPods(s.pods); err != nil {
		return s, fmt.Errorf("--pods: %w", err)
	}
	return s, nil
}

// nodeName is the name of the node on this machine.
func nodeName(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("find the machine's name, as there is no --name: %w", err)
	}
	return strings.ToLower(host), nil
}

func size(flag, text string) (job.Size, error) {
	if text == "" {
		return 0, nil
	}
	n, err := job.ParseSize(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", flag, err)
	}
	return n, nil
}

// joinTokenVariable has the token to join with. What is in a process's environment root alone can read.
const joinTokenVariable = "OZYMANDIAS_JOIN_TOKEN"

func (o *options) joinToken() (string, error) {
	switch {
	case o.tokenFile != "":
		text, err := os.ReadFile(o.tokenFile)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	case o.token != "":
		return o.token, nil
	}
	return os.Getenv(joinTokenVariable), nil
}

// checkListen says what is wrong with an address to listen on.
func checkListen(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err == nil && host != "" {
		_, err = netip.ParseAddr(host)
	}
	if err != nil {
		return errors.New("must be :PORT or IP:PORT, such as :80 or 192.0.2.7:80")
	}
	return nil
}

// awaitAddress returns where others reach this machine. A node may have been started sooner than its network; for that it waits, as does one that
// joins: what it took meanwhile it would keep. To a machine that is no node yet it is said at once if an address that is given is not its own.
func (s *settings) awaitAddress(ctx context.Context, log *slog.Logger) (netip.Addr, error) {
	for told := ""; ; {
		a, err := s.ownAddress()
		if err == nil || s.address.IsValid() && !s.before.IsValid() {
			return a, err
		}
		if told != err.Error() {
			told = err.Error()
			log.Warn("waiting for this machine's address; a cluster of this one machine runs without a network by --address 127.0.0.1", "before", s.before, "error", err)
		}
		select {
		case <-ctx.Done():
			return a, fmt.Errorf("wait for this machine's address: %w: %w", ctx.Err(), err)
		case <-time.After(time.Second):
		}
	}
}

// ownAddress is where others reach this machine as it is now: at the address that is given, or the one of before, or the one it reaches others
// from. No packet is sent to find out.
func (s *settings) ownAddress() (netip.Addr, error) {
	alone := s.before.IsLoopback() || !s.before.IsValid() && len(s.join) == 0
	switch {
	case s.address.IsValid():
		return s.address, hasAddress(s.address)
	case s.before.Is4() && !alone && hasAddress(s.before) == nil:
		return s.before, nil
	}
	for _, far := range []string{"192.0.2.1:9", "[2001:db8::1]:9"} { // RFC 5737 and 3849: documentation, nobody is there
		if c, err := net.Dial("udp", far); err == nil {
			defer c.Close()
			return c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
		}
		if !alone { // with others it takes IPv4, which may be there later than IPv6
			return netip.Addr{}, errors.New("there is no way to other machines")
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil // a machine without a network
}

// hasAddress refuses an address that is not this machine's.
func hasAddress(a netip.Addr) error {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("look for this machine's addresses: %w", err)
	}
	var has []string
	for _, own := range addresses {
		p, err := netip.ParsePrefix(own.String())
		if err != nil {
			continue
		}
		if p.Addr().Unmap() == a {
			return nil
		}
		has = append(has, p.Addr().String())
	}
	return fmt.Errorf("--address %s is not one of this machine's: %s", a, strings.Join(has, ", "))
}

// groupOf is the control group of a node. Several nodes may be on one machine, for a try; then they may even have the same name.
func groupOf(name, dataDir string) string {
	if dataDir == defaultDataDir {
		return "ozymandias/" + name
	}
	h := fnv.New32a()
	h.Write([]byte(dataDir))
	return fmt.Sprintf("ozymandias/%s-%08x", name, h.Sum32())
}
