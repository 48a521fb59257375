package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Block is a range of a worklist that a worker holds under a lease.
type Block struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata"`

	Status BlockStatus `json:"status"`
}

// BlockList is a page of blocks.
type BlockList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata"`

	Items []Block `json:"items"`
}

// BlockPhase is where a block stands, in a word.
type BlockPhase string

const (
	BlockRunning BlockPhase = "Running" // a worker holds its lease
	BlockResting BlockPhase = "Resting" // it failed, and rests before it goes out again
	BlockReady   BlockPhase = "Ready"   // it is to go out again
	BlockInDoubt BlockPhase = "InDoubt" // it was out when its list was taken over; its holder may still finish it
)

// BlockStatus says which range the block is and who holds it.
type BlockStatus struct {
	Phase    BlockPhase   `json:"phase" enum:"Running,Resting,Ready,InDoubt"`
	Index    int64        `json:"index"`
	Size     int64        `json:"size"`
	Done     int64        `json:"done,omitempty" doc:"Items of it reported done while the rest is still held."`
	Attempt  int          `json:"attempt" doc:"1 the first time the range is out."`
	Worker   string       `json:"worker,omitempty"`
	Deadline *metav1.Time `json:"deadline,omitempty" doc:"When the lease runs out, or the block may go out again."`
	Reason   string       `json:"reason,omitempty" doc:"Why the last attempt failed."`
}
