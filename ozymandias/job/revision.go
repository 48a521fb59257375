package job

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Equal tells whether two jobs say the same.
func (j Job) Equal(k Job) bool { return bytes.Equal(canonical(j), canonical(k)) }

// Revision identifies what an instance of the job runs: instances have to be replaced if and only if it changes. How many there
// are, where they run, how they are reached and how they are replaced is no part of it. It is 32 hexadecimal digits; jobs should
// have gone through [Job.Default], or saying a default would be a change.
func (j Job) Revision() string {
	j = j.clone()
	for _, c := range j.Containers {
		for i := range c.Volumes {
			c.Volumes[i].Sticky = false
		}
	}
	sum := sha256.Sum256(canonical(Job{
		Worklist:    j.Worklist,
		Swarm:       j.Swarm,
		Containers:  j.Containers,
		Sidecars:    j.Sidecars,
		OnPartition: j.OnPartition, // decides which cgroup the pod is made in
	}))
	return hex.EncodeToString(sum[:16])
}

// canonical writes the job so that equal jobs are equal bytes: encoding/json sorts maps and leaves out what is empty.
func canonical(j Job) []byte {
	b, err := json.Marshal(j)
	if err != nil { // no type in a Job can fail to be written
		panic(fmt.Sprintf("writing job %s: %v", j.Name, err))
	}
	return b
}
