package cluster

import (
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"

	"teamtask.dev/etcdlog"
	"teamtask.dev/ozymandias/pki"
)

// Settings of the embedded etcd.
const (
	// A decision may touch a thousand nodes, see package state.
	maxTxnOps  = 4096
	maxRequest = 8 << 20
	mostData   = 4 << 30 // bytes; nodes' reports are small, and their history is short
	// History is for watchers that were cut off for a while. Those that were away for longer read all anew.
	history = 10 * time.Minute
	// The log is kept until the next snapshot; etcd's own 100,000 entries would be some hundred megabytes of memory at our reports' size.
	snapshotEvery = 10_000
	walSegment    = 16 << 20 // bytes; etcd takes one ahead, and 64 MB each would be much on a small machine
	// A leader is missed after one to two election timeouts, and the next one has all leases last for another one longer than their time to
	// live: with etcd's own 1,000 ms, what ran on the leader's machine would be back after more than 10 s. The least that etcd takes is five
	// heartbeats. It is enough on a slow or busy machine, too: only a majority that has heard nothing for the whole timeout elects another
	// leader (PreVote), so it takes a leader that stands still, and then others go on sooner. That stops nothing, see decision 9. Where disks
	// often take longer than this to sync, leaders would not last, nor would much else.
	heartbeat, election = 100, 500 // milliseconds
	// Two learners at a time, as members are promoted by twos.
	maxLearners = 2
)

// The size of segments is a variable of the whole process, so it is set before anything can run that reads it.
func init() { wal.SegmentSizeBytes = walSegment }

// hasMember reports whether etcd has begun in a directory. It makes its log whole or not at all.
func hasMember(dir string) bool { return wal.Exist(filepath.Join(dir, "member", "wal")) }

// startEtcd starts etcd for this node. others are the members it joins, NAME=URL as etcd writes them; none for the first of a cluster. They do
// not matter once etcd has begun in the directory.
//
// It does not wait for a majority: after a power cut the members come back one after the other.
func (c *Cluster) startEtcd(others []string) (*embed.Etcd, error) {
	return runEtcd(c.configureEtcd(others))
}

func runEtcd(cfg *embed.Config) (*embed.Etcd, error) {
	before := new(guard)
	cfg.GRPCAdditionalServerOptions = before.options()
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("start etcd in %s: %w", cfg.Dir, err)
	}
	before.etcd.Store(etcd)
	return etcd, nil
}

// stopEtcd ends etcd. To close one that was never ready, as there is no majority, would wait for that.
func stopEtcd(etcd *embed.Etcd) {
	select {
	case <-etcd.Server.ReadyNotify():
	default:
		etcd.Server.Stop()
	}
	etcd.Close()
	// A process that was just being started has the files of etcd's log, and with them their locks, until it runs: then etcd may start again.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
}

func (c *Cluster) configureEtcd(others []string) *embed.Config {
	d, n := c.dir, c.node
	cfg := embed.NewConfig()
	cfg.Dir = d.etcd()
	cfg.Name = n.member()
	client, peer := url.URL{Scheme: "https", Host: n.Client}, url.URL{Scheme: "https", Host: n.Peer}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = strings.Join(append(others, n.member()+"="+peer.String()), ",")
	if len(others) > 0 {
		cfg.ClusterState = embed.ClusterStateFlagExisting
	}
	tls := transport.TLSInfo{
		CertFile: d.pki(nodeFile), KeyFile: d.pki(nodeKeyFile), TrustedCAFile: d.pki(authorityFile), ClientCertAuth: true,
		AllowedHostnames: []string{pki.NodeHost},
		// A machine may have several addresses, and connect from any of them.
		SkipClientSANVerify: true,
	}
	cfg.ClientTLSInfo, cfg.PeerTLSInfo, cfg.TlsMinVersion = tls, tls, "TLS1.3"
	cfg.TickMs, cfg.ElectionMs = heartbeat, election
	cfg.MaxTxnOps, cfg.MaxRequestBytes, cfg.QuotaBackendBytes = maxTxnOps, maxRequest, c.options.quota
	cfg.SnapshotCount, cfg.SnapshotCatchUpEntries = snapshotEvery, snapshotEvery/10
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModePeriodic, history.String()
	cfg.MaxSnapFiles, cfg.MaxWalFiles = 2, 2
	cfg.MaxLearners = maxLearners
	cfg.GRPCKeepAliveMinTime = time.Second
	cfg.EnableGRPCGateway = false
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdlog.New(c.log.With("component", "etcd"), logged))
	return cfg
}
