package node

import (
	"fmt"
	"strconv"

	"teamtask.dev/ozymandias/podman"
	"teamtask.dev/ozymandias/schedule"
)

// The labels of pods, and of containers the last one.
const (
	labelNode        = "ozymandias.node"
	labelJob         = "ozymandias.job" // its UID
	labelName        = "ozymandias.name"
	labelID          = "ozymandias.id"
	labelEpoch       = "ozymandias.epoch"
	labelRevision    = "ozymandias.revision"
	labelIncarnation = "ozymandias.incarnation"
	labelContainer   = "ozymandias.container"
)

// podName is readable and the instance's at that epoch alone: names of jobs, ids and containers have no underscore.
func podName(job, id string, epoch int64) string { return fmt.Sprintf("%s_%s_%d", job, id, epoch) }

func containerName(pod, container string) string { return pod + "_" + container }

// A mark is what the labels of a pod say.
type mark struct {
	schedule.Instance
	name            string // the job's
	epoch, revision int64
	incarnation     string
}

func (m mark) labels(node string) map[string]string {
	return map[string]string{labelNode: node, labelJob: m.Job, labelName: m.name, labelID: m.ID, labelEpoch: strconv.FormatInt(m.epoch, 10),
		labelRevision: strconv.FormatInt(m.revision, 10), labelIncarnation: m.incarnation}
}

// readMark reads the labels of a pod of a node's.
func readMark(pod podman.PodState) (m mark, err error) {
	m = mark{Instance: schedule.Instance{Job: pod.Labels[labelJob], ID: pod.Labels[labelID]}, name: pod.Labels[labelName],
		incarnation: pod.Labels[labelIncarnation]}
	if m.epoch, err = strconv.ParseInt(pod.Labels[labelEpoch], 10, 64); err != nil {
		return m, fmt.Errorf("pod %s has label %s: %w", pod.Name, labelEpoch, err)
	}
	if m.revision, err = strconv.ParseInt(pod.Labels[labelRevision], 10, 64); err != nil {
		return m, fmt.Errorf("pod %s has label %s: %w", pod.Name, labelRevision, err)
	}
	return m, nil
}
