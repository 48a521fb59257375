package cluster

import (
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
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
	quota      = 4 << 30 // bytes; nodes' reports are small, and their history is short
	// History is for watchers that were cut off for a while. Those that were away for longer read all anew.
	history = 10 * time.Minute
	// The log is kept until the next snapshot; etcd's own 100,000 entries would be some hundred megabytes of memory at our reports' size.
	snapshotEvery = 10_000
	walSegment    = 16 << 20 // bytes; etcd takes one ahead, and 64 MB each would be much on a small machine
	// etcd's own times, which are meant for a local network. A leader is missed within a second, and another elected in the next, which
	// stops nothing; see decision 9.
	heartbeat, election = 100, 1000 // milliseconds
	// Two learners at a time, as members are promoted by twos.
	maxLearners = 2
)

// The size of segments is a variable of the whole process, so it is set before anything can run that reads it.
func init() { wal.SegmentSizeBytes = walSegment }

// hasMember reports whether etcd has begun in a directory. It makes its log whole or not at all.
func hasMember(dir string) bool { return wal.Exist(filepath.Join(dir, "member", "wal")) }

// startEtcd starts etcd for a node. others are the members it joins, NAME=URL as etcd writes them; none for the first of a cluster. They do
// not matter once etcd has begun in the directory.
//
// It does not wait for a majority: after a power cut the members come back one after the other.
func startEtcd(d *directory, n Node, others []string, log *slog.Logger) (*embed.Etcd, error) {
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
	cfg.MaxTxnOps, cfg.MaxRequestBytes, cfg.QuotaBackendBytes = maxTxnOps, maxRequest, quota
	cfg.SnapshotCount, cfg.SnapshotCatchUpEntries = snapshotEvery, snapshotEvery/10
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModePeriodic, history.String()
	cfg.MaxSnapFiles, cfg.MaxWalFiles = 2, 2
	cfg.MaxLearners = maxLearners
	cfg.GRPCKeepAliveMinTime = time.Second
	cfg.GRPCAdditionalServerOptions = survive
	cfg.EnableGRPCGateway = false
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(etcdlog.New(log.With("component", "etcd"), logged))
	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("start etcd in %s: %w", cfg.Dir, err)
	}
	return etcd, nil
}
