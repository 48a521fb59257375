package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Lease is a block in a worker's hand: items index to index+size-1, until the deadline unless renewed. The token proves
// it, and is all a server needs to know the lease again, even after a restart.
type Lease struct {
	Token    string    `json:"token" doc:"Proof of the lease; hand it back with every call about the block."`
	Index    int64     `json:"index"`
	Size     int64     `json:"size"`
	Attempt  int       `json:"attempt" doc:"1 the first time the range is out."`
	Deadline time.Time `json:"deadline" doc:"When the lease runs out, by the server's clock."`
}

// ClaimRequest asks for blocks.
type ClaimRequest struct {
	// Worker names who asks: unique among those that work at the same time, at most 253 characters.
	Worker string `json:"worker" minLength:"1" maxLength:"253" doc:"Name of the worker: unique among those at work."`

	// Request makes a claim repeatable: the same worker repeating the same request is given the same leases again.
	Request string `json:"request,omitempty" maxLength:"64" doc:"Any string that is new for each new claim: repeating a claim with it after a lost answer gives the same leases."`

	// Blocks is how many blocks at most. Default 1.
	Blocks int `json:"blocks,omitempty" minimum:"0" maximum:"10000" doc:"Most blocks to take; default 1."`

	// MaxSize bounds the size of each block; 0: as the list says.
	MaxSize int64 `json:"maxSize,omitempty" minimum:"0" maximum:"9007199254740991" doc:"Most items of each block; 0: as the list says."`

	// Bulk is for tiers, which share their blocks out: about so many items each, more than the list's block size. 0: the
	// worker is not a tier.
	Bulk int64 `json:"bulk,omitempty" minimum:"0" maximum:"9007199254740991" doc:"For a tier, which shares its blocks out: about so many items each, whatever the list's block size."`

	// Wait is how long to wait for a block when there is none to give now, at most 60s.
	Wait *metav1.Duration `json:"wait,omitempty" doc:"How long to wait for a block when there is none to give now; at most 60s."`

	// Command is what the worker will run; a list bound to a command refuses another one.
	Command []string `json:"command,omitempty" doc:"What the worker will run; a list bound to a command refuses another one."`
}

// ClaimResponse gives blocks, or says why there are none.
type ClaimResponse struct {
	Leases []Lease `json:"leases" doc:"The blocks; empty where there is none to give."`

	// None says why there are no leases: one of the None constants; Message in a sentence for people.
	None    NoneReason `json:"none,omitempty" doc:"Why there is no block."`
	Message string     `json:"message,omitempty" doc:"The same in a sentence."`

	// RetryAfterSeconds is when asking again may help; 0: not known.
	RetryAfterSeconds float64 `json:"retryAfterSeconds,omitempty" doc:"When asking again may help; 0 or absent: not known."`

	// LeaseSeconds is how long a lease lasts from now on: renew after a third of it.
	LeaseSeconds float64 `json:"leaseSeconds,omitempty" doc:"How long a lease lasts: renew after a third of it."`

	// Unclaimed is how many items are left that nobody holds.
	Unclaimed int64 `json:"unclaimed,omitempty" doc:"How many items are left that nobody holds."`

	// Worklist is the list the leases belong to, where the worker asked for any list.
	Worklist string `json:"worklist,omitempty" doc:"The list the leases belong to."`
}

// NoneReason is why a claim was given no block.
type NoneReason string

const (
	NoneOver        NoneReason = "Over"        // the list has ended: stop asking
	NoneSuspended   NoneReason = "Suspended"   // the list is suspended
	NoneAfter       NoneReason = "After"       // a list that comes first is not complete
	NoneAllOut      NoneReason = "AllOut"      // every item is done or in somebody's hands
	NoneResting     NoneReason = "Resting"     // what is left rests after a failure
	NoneInDoubt     NoneReason = "InDoubt"     // what is left was out when the list was taken over
	NoneWorkerLimit NoneReason = "WorkerLimit" // this worker holds as many blocks as it may
	NoneBlockLimit  NoneReason = "BlockLimit"  // as many blocks are out as may be
	NoneRateLimit   NoneReason = "RateLimit"   // items per second
)

// Report is what a worker says of a block it holds. Without Done, Failed and Release the whole block (or what is left of
// it) is done.
type Report struct {
	Token string `json:"token"`

	// Done are the ranges that are done; Failed those that failed. What neither mentions stays with the worker
	// unless Release gives it back.
	Done    []Range       `json:"done,omitempty"`
	Failed  []FailedItems `json:"failed,omitempty"`
	Release bool          `json:"release,omitempty" doc:"Give back what is neither done nor failed."`

	Found   []Found      `json:"found,omitempty" doc:"Values found, if that is what the list is about."`
	Results []ItemResult `json:"results,omitempty" doc:"Rows for single items, kept as the list's results policy says."`

	// ElapsedSeconds is how long the worker took for the items reported here; it sizes the next blocks.
	ElapsedSeconds float64 `json:"elapsedSeconds,omitempty" minimum:"0" doc:"How long the worker took for what it reports; sizes its next blocks."`
}

// ItemResult is the outcome of one item, or of a block as a whole where the command takes blocks.
type ItemResult struct {
	Index   int64   `json:"index"`
	Size    int64   `json:"size,omitempty" doc:"Items this row is about; default 1."`
	OK      bool    `json:"ok"`
	Exit    int     `json:"exit,omitempty" doc:"Exit code of the command."`
	Signal  string  `json:"signal,omitempty" doc:"Signal that ended the command."`
	Reason  string  `json:"reason,omitempty" maxLength:"1024"`
	Seconds float64 `json:"seconds,omitempty" doc:"How long it took."`
	Output  string  `json:"output,omitempty" doc:"Output, cut as the list's results policy says."`
	By      string  `json:"by,omitempty" maxLength:"253" doc:"Who did it, where a tier reports for its workers."`
}

// ReportStatus is what became of a report.
type ReportStatus string

const (
	// ReportAccepted: it is durable and counted.
	ReportAccepted ReportStatus = "accepted"
	// ReportDuplicate: everything in it had been counted before; nothing is counted twice.
	ReportDuplicate ReportStatus = "duplicate"
	// ReportFenced: the lease had run out and its range was handed out again; the report does not count.
	ReportFenced ReportStatus = "fenced"
	// ReportOver: the list has ended; the report does not count.
	ReportOver ReportStatus = "over"
	// ReportInvalid: the token is not one of this list, or the ranges are not the block's.
	ReportInvalid ReportStatus = "invalid"
)

// Receipt answers a report.
type Receipt struct {
	Status  ReportStatus `json:"status" enum:"accepted,duplicate,fenced,over,invalid"`
	Message string       `json:"message,omitempty"`
	Items   int64        `json:"items" doc:"Items newly counted as done."`
}

// ExchangeRequest turns in finished blocks and takes the next in one round trip.
type ExchangeRequest struct {
	// ClaimRequest says how many blocks to take. Blocks 0 takes none here.
	ClaimRequest

	// Complete are the tokens of blocks that are wholly done: the short form of a report for each.
	Complete []string `json:"complete,omitempty" maxItems:"10000" doc:"Tokens of blocks that are wholly done."`

	// Reports are for everything else.
	Reports []Report `json:"reports,omitempty" maxItems:"10000"`

	// Renew are tokens of blocks still in work.
	Renew []string `json:"renew,omitempty" maxItems:"10000" doc:"Tokens of blocks still in work."`
}

// ExchangeResponse answers an exchange.
type ExchangeResponse struct {
	ClaimResponse

	// Accepted counts the reports that were accepted; Receipts names the others, by their place in complete followed by
	// reports.
	Accepted int              `json:"accepted"`
	Items    int64            `json:"items" doc:"Items newly counted as done."`
	Receipts []IndexedReceipt `json:"receipts,omitempty" doc:"The reports that were not plainly accepted."`

	// Renewed are new tokens for those in renew, in their order; an empty token was refused.
	Renewed []RenewedLease `json:"renewed,omitempty"`
}

// IndexedReceipt is the receipt of the i-th report.
type IndexedReceipt struct {
	I int `json:"i"`
	Receipt
}

// RenewRequest renews leases.
type RenewRequest struct {
	Worker string   `json:"worker" minLength:"1" maxLength:"253"`
	Tokens []string `json:"tokens" minItems:"1" maxItems:"10000"`
}

// RenewResponse answers with the leases in the order asked.
type RenewResponse struct {
	Leases []RenewedLease `json:"leases"`
}

// RenewedLease is a lease with its new deadline, or says why it could not be renewed.
type RenewedLease struct {
	Lease
	Status  ReportStatus `json:"status" enum:"accepted,duplicate,fenced,over,invalid"`
	Message string       `json:"message,omitempty"`
}

// Result is a row of results: what became of an item, or of neighbouring blocks.
type Result struct {
	ItemResult
	Worker  string    `json:"worker"`
	Attempt int       `json:"attempt"`
	Found   string    `json:"found,omitempty" doc:"The value found in this item."`
	Time    time.Time `json:"time" doc:"When it was counted, by the server's clock."`
	Item    string    `json:"item,omitempty" doc:"The item itself, in rows for single items, where teamtask exports them and can tell."`
}

// Place says where an item is.
type Place struct {
	Index  int64  `json:"index"`
	Item   string `json:"item,omitempty" doc:"The item itself."`
	Place  string `json:"place" doc:"Where it is, in words: done, failed, being worked on, not handed out yet ..."`
	Worker string `json:"worker,omitempty" doc:"Who did it, or has it, as far as that is still recorded."`
}

// Explanation answers why a list does or does not move.
type Explanation struct {
	Phase     Phase    `json:"phase"`
	Sentences []string `json:"sentences"`
}

// Certificate accounts for every item of a list: which ranges are done and which failed, signed by the server.
type Certificate struct {
	Worklist    string        `json:"worklist"`
	UID         string        `json:"uid"`
	Size        int64         `json:"size"`
	Fingerprint string        `json:"fingerprint,omitempty" doc:"Of the list's source."`
	Phase       Phase         `json:"phase"`
	Done        []Range       `json:"done"`
	Failed      []FailedRange `json:"failed"`
	Issued      time.Time     `json:"issued"`
	Digest      string        `json:"digest,omitempty" doc:"sha256:HEX of this document without digest, publicKey and signature, as compact JSON."`
	PublicKey   string        `json:"publicKey,omitempty" doc:"Ed25519 public key of the servers, base64."`
	Signature   string        `json:"signature,omitempty" doc:"Ed25519 signature of the digest, base64."`
}
