package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"

	"teamtask.dev/etcdlog"
	"teamtask.dev/ozymandias/program"
)

// connect starts etcd, if this node is a member, and makes a client.
func (c *Cluster) connect(ctx context.Context) error {
	c.endpoints = c.self.Endpoints
	configuration := c.identity.Client()
	if external := c.options.External; external != nil {
		c.endpoints, configuration = external.Endpoints, nil
		if external.CA != "" || external.Certificate != "" {
			files := transport.TLSInfo{CertFile: external.Certificate, KeyFile: external.Key, TrustedCAFile: external.CA}
			var err error
			if configuration, err = files.ClientConfig(); err != nil {
				return fmt.Errorf("connect to etcd: %w", err)
			}
		}
	} else if c.self.Founding || hasMember(c.dir.etcd()) {
		var err error
		if c.self.Founding {
			// An etcd that was killed in its first moments may have a log without the one entry that makes it a member, and is never
			// one. Nobody has been told of this cluster yet, so nothing is lost.
			if err = c.dir.dropEtcd(c.self); err != nil {
				return err
			}
		}
		if c.etcd, err = c.startEtcd(nil); err != nil {
			return err
		}
		if own := c.node.clientURL(); !slices.Contains(c.endpoints, own) {
			c.endpoints = append(slices.Clone(c.endpoints), own)
		}
	} else if c.self.Member {
		return c.dataLost()
	}
	var err error
	if c.client, err = dial(c.endpoints, configuration, c.log); err != nil {
		return err
	}
	if c.options.External != nil {
		return checkEtcd(ctx, c.client, c.endpoints)
	}
	return nil
}

// dial makes a client of etcd.
func dial(endpoints []string, configuration *tls.Config, log *slog.Logger) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, TLS: configuration,
		DialTimeout: answersWithin,
		// What is sent to a machine that has died is given up, and sent to another, when it was not acknowledged for this time; so a
		// lease lives through it. gRPC sends keepalives of its own every ten seconds at most.
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: 2 * time.Second,
		MaxCallSendMsgSize: 2 * maxRequest,
		Logger:             etcdlog.New(log.With("component", "etcd client"), logged),
	})
	if err != nil {
		return nil, fmt.Errorf("connect to etcd: %w", err)
	}
	return client, nil
}

// follow has the client, and those beside the node, use the members there are.
func (c *Cluster) follow(members []*etcdserverpb.Member) error {
	var endpoints []string
	for _, m := range members {
		if !m.IsLearner {
			endpoints = append(endpoints, m.ClientURLs...) // none if it has not started
		}
	}
	slices.Sort(endpoints)
	if len(endpoints) == 0 || slices.Equal(endpoints, c.self.Endpoints) {
		return nil
	}
	c.self.Endpoints = endpoints
	c.client.SetEndpoints(endpoints...)
	c.avoiding = false
	c.tell(endpoints)
	return c.dir.putSelf(c.self)
}

// tell tells those who wait for a change where etcd is.
func (c *Cluster) tell(endpoints []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endpoints = endpoints
	close(c.changed)
	c.changed = make(chan struct{})
}

// avoid has the client use those members alone that are well, until all are. gRPC would find out that a machine does not answer after
// ten seconds at the earliest, and a member that is cut off from the others not at all. If none is well, nothing is gained by
// choosing.
func (c *Cluster) avoid(ctx context.Context) {
	all := c.Etcd().Endpoints
	var well []string
	for i, answer := range c.statuses(ctx, all) {
		if answer != nil {
			well = append(well, all[i])
		}
	}
	if len(well) == 0 {
		well = all
	}
	if slices.Equal(well, c.client.Endpoints()) {
		return
	}
	if c.avoiding = len(well) < len(all); c.avoiding {
		c.log.Warn("not all members of etcd are well", "used", well, "all", all)
	} else {
		c.log.Info("all members of etcd are used again", "all", all)
	}
	c.client.SetEndpoints(well...)
}

// statuses asks members how they are. An answer is nil if a member does not answer, or has no leader, or is nowhere ("").
func (c *Cluster) statuses(ctx context.Context, endpoints []string) []*clientv3.StatusResponse {
	answers := statuses(ctx, c.client, endpoints)
	for i, answer := range answers {
		if answer != nil && answer.Leader == 0 {
			answers[i] = nil
		}
	}
	return answers
}

// statuses asks members how they are, with a leader or without. An answer is nil if a member does not answer, or is nowhere ("").
func statuses(ctx context.Context, client *clientv3.Client, endpoints []string) []*clientv3.StatusResponse {
	ctx, cancel := context.WithTimeout(ctx, membersAnswer)
	defer cancel()
	answers := make([]*clientv3.StatusResponse, len(endpoints))
	var asking sync.WaitGroup
	for i, endpoint := range endpoints {
		if endpoint == "" {
			continue
		}
		asking.Go(func() {
			if answer, err := client.Status(ctx, endpoint); err == nil {
				answers[i] = answer
			}
		})
	}
	asking.Wait()
	return answers
}

// Etcd is how programs beside the node reach etcd as it is now.
func (c *Cluster) Etcd() program.Etcd {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.options.External; e != nil {
		return *e
	}
	return program.Etcd{Endpoints: slices.Clone(c.endpoints), CA: c.dir.pki(authorityFile), Certificate: c.dir.pki(nodeFile), Key: c.dir.pki(nodeKeyFile)}
}

// Changed is closed when the endpoints of etcd change, or the certificate that is shown there: some programs read it only when they start.
func (c *Cluster) Changed() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.changed
}
