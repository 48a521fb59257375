package main

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// sticky is what the leader of a Kafka consumer group does when the group has changed, with franz-go's sticky strategy. The
// workloads are the partitions of one topic, by their places in the list, and each worker reports the partitions it had.
//
// The cooperative variant comes to the same table, but in two rounds: in the first it leaves out what has to be revoked.
func sticky(previous map[string]string, workloads, workers []string, timed func(func())) (map[string]string, error) {
	const topic = "workloads"
	had := make(map[string][]int32, len(workers))
	for i, workload := range workloads {
		if worker, ok := previous[workload]; ok {
			had[worker] = append(had[worker], int32(i))
		}
	}
	strategy := kgo.StickyBalancer()
	members := make([]kmsg.JoinGroupResponseMember, len(workers))
	for i, worker := range workers {
		members[i].MemberID = worker
		members[i].ProtocolMetadata = strategy.JoinGroupMetadata([]string{topic}, map[string][]int32{topic: had[worker]}, 1)
	}
	slices.SortFunc(members, func(a, b kmsg.JoinGroupResponseMember) int { return cmp.Compare(a.MemberID, b.MemberID) })

	var plan *kgo.BalancePlan
	var err error
	timed(func() { plan, err = balance(strategy, members, map[string]int32{topic: int32(len(workloads))}) })
	if err != nil {
		return nil, err
	}
	table := make(map[string]string, len(workloads))
	for worker, topics := range plan.AsMemberIDMap() {
		for _, partition := range topics[topic] {
			table[workloads[partition]] = worker
		}
	}
	return table, nil
}

// balance is given the number of partitions of each topic.
func balance(s kgo.GroupBalancer, members []kmsg.JoinGroupResponseMember, topics map[string]int32) (*kgo.BalancePlan, error) {
	group, _, err := s.MemberBalancer(members)
	if err != nil {
		return nil, fmt.Errorf("read what the members had: %w", err)
	}
	into, err := group.(kgo.GroupMemberBalancerOrError).BalanceOrError(topics)
	if err != nil {
		return nil, err
	}
	return into.(*kgo.BalancePlan), nil
}
