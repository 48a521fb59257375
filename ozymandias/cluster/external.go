package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// ErrEtcdTooOld says that an etcd has faults that this program cannot work around.
var ErrEtcdTooOld = errors.New("this version of etcd will not do")

// checkEtcd looks at the versions of an etcd of the user's own. One member at least has to answer; those that do not are not looked at.
func checkEtcd(ctx context.Context, client *clientv3.Client, endpoints []string) error {
	var silent error
	answered := 0
	for _, endpoint := range endpoints {
		asking, cancel := context.WithTimeout(ctx, answersWithin)
		status, err := client.Status(asking, endpoint)
		cancel()
		if err != nil {
			silent = errors.Join(silent, fmt.Errorf("%s: %w", endpoint, err))
			continue
		}
		answered++
		if why := tooOld(status.Version); why != "" {
			return fmt.Errorf("%w: %s has version %s, which %s; take 3.5.%d, 3.6.%d, 3.7 or later, or leave out --etcd-endpoints to have etcd embedded",
				ErrEtcdTooOld, endpoint, status.Version, why, renewFixed[5], renewFixed[6])
		}
	}
	if answered == 0 {
		return fmt.Errorf("no etcd answers: %w", silent)
	}
	return nil
}

// The first release of each minor version of etcd 3 that does not have the fault, by etcd's changelogs. 3.4 is at its end, and the releases of
// it that have all the corrections are not what anybody has.
var (
	renewFixed = map[int]int{5: 23, 6: 5} // https://github.com/etcd-io/etcd/pull/20615 and 20616
	watchFixed = map[int]int{5: 13}       // https://github.com/etcd-io/etcd/pull/17555 and 17612
)

// tooOld says why a version of etcd will not do; "" if it will. A lease that is renewed after it was revoked, and a change that a watcher
// is not told of, both end with an instance that runs twice.
func tooOld(version string) string {
	parts := strings.SplitN(strings.SplitN(version, "-", 2)[0], ".", 3)
	number := make([]int, 3)
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || len(parts) != 3 {
			return "cannot be read"
		}
		number[i] = n
	}
	major, minor, patch := number[0], number[1], number[2]
	switch {
	case major != 3:
		return "is not one of etcd 3"
	case minor < 5 || patch < watchFixed[minor]:
		return "renews leases that were revoked, and loses events of watches"
	case patch < renewFixed[minor]:
		return "renews leases that were revoked"
	}
	return ""
}
