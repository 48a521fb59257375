package workers

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"teamtask.dev/api/v1alpha1"
)

// listLabel is on Jobs and pods: the name of their list, shortened where it is too long for a label.
const listLabel = v1alpha1.Group + "/worklist"

// Selector chooses the Jobs and the pods of a list by their labels.
func Selector(list string) string { return listLabel + "=" + labelOf(list) }

const (
	// longestLabel is that of a label's value.
	longestLabel = 63
	// longestStem leaves room for what follows it in the name of a pod, which is at most longestLabel: the hash, the pod's index,
	// which has at most five digits, and the five characters that a Job's controller adds.
	longestStem = longestLabel - (1 + hashSize) - len("-99999") - len("-abcde")
	// longestName is that of a ServiceAccount and a RoleBinding.
	longestName = 253

	hashSize = 8
)

// jobName is the name of the Job that runs the list's pods as they are asked for now. A list that was made anew under the name
// of an earlier one has another Job: what is left of the earlier one's does not matter to it.
func jobName(list *v1alpha1.Worklist) string {
	w := list.Spec.Workers
	made, _ := json.Marshal(map[string]any{"list": list.Name, "uid": list.UID, "slots": w.Slots, "template": w.Template}) // it was read from JSON
	// A pod's name is its host name, too, which has no dots.
	stem := strings.ReplaceAll(list.Name, ".", "-")
	stem = strings.TrimRight(stem[:min(len(stem), longestStem)], "-")
	return stem + "-" + hash(string(made))
}

// accountName is the name of the list's ServiceAccount, and of the RoleBinding that lets it work.
func accountName(list string) string { return shorten(list, longestName-len("-workers")) + "-workers" }

// labelOf is the list's name as the value of a label.
func labelOf(list string) string { return shorten(list, longestLabel) }

// shorten keeps a name apart from others that begin the same.
func shorten(name string, longest int) string {
	if len(name) <= longest {
		return name
	}
	return strings.TrimRight(name[:longest-1-hashSize], "-.") + "-" + hash(name)
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:hashSize]
}
