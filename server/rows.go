package server

import (
	"encoding/json"
	"slices"
	"time"
	"unicode/utf8"

	"teamtask.dev/api/v1alpha1"
	"teamtask.dev/store"
	"teamtask.dev/worklist"
)

// rowBuffer gathers the rows of results that belong to the next commit. Only what the ledger counted makes a row, and the
// rows are written in the same transaction, so there is a row for each item counted and none for any other.
type rowBuffer struct {
	kept, done []byte // JSON lines: failures, found values and items; who did which blocks

	// The last run of blocks, not in done yet: a worker that turns in neighbours makes one row.
	run v1alpha1.Result
}

// blocks takes in that a whole block was counted.
func (rb *rowBuffer) blocks(now time.Time, keep v1alpha1.KeepResults, t worklist.Token, rc worklist.Receipt) {
	if keep == v1alpha1.KeepFailures {
		return
	}
	for _, r := range rc.Done {
		if run := &rb.run; run.Worker == t.Worker && run.Index+run.Size == r.Start && run.Attempt == t.Attempt {
			run.Size += r.Size()
			continue
		}
		rb.endRun()
		rb.run = v1alpha1.Result{ItemResult: v1alpha1.ItemResult{Index: r.Start, Size: r.Size(), OK: true}, Worker: t.Worker,
			Attempt: t.Attempt, Time: now.UTC().Truncate(time.Millisecond)}
	}
}

func (rb *rowBuffer) endRun() {
	if rb.run.Size > 0 {
		rb.done = appendRow(rb.done, &rb.run)
		rb.run = v1alpha1.Result{}
	}
}

// report takes in a report with its rows, as far as it was counted.
func (rb *rowBuffer) report(now time.Time, p v1alpha1.ResultsPolicy, t worklist.Token, rep *v1alpha1.Report, rc worklist.Receipt) {
	row := func(x v1alpha1.ItemResult) *v1alpha1.Result {
		x.Size = max(1, x.Size)
		who := by(t.Worker, x.By)
		x.By = ""
		return &v1alpha1.Result{ItemResult: x, Worker: who, Attempt: t.Attempt, Time: now.UTC().Truncate(time.Millisecond)}
	}
	counted := func(at int64, ranges []worklist.Range) bool {
		return slices.ContainsFunc(ranges, func(r worklist.Range) bool { return r.Contains(worklist.Range{Start: at, End: at + 1}) })
	}
	told := map[int64]bool{} // failures that the worker brought a row for
	items := 0
	for _, x := range rep.Results {
		switch {
		case !x.OK && counted(x.Index, rc.Failed):
			told[x.Index] = true
			rb.kept = appendRow(rb.kept, row(cut(x, p)))
		case x.OK && counted(x.Index, rc.Done) && (p.Keep == v1alpha1.KeepItems || x.By != "" && p.Keep != v1alpha1.KeepFailures):
			items++
			rb.done = appendRow(rb.done, row(cut(x, p)))
		}
	}
	for _, f := range rep.Failed {
		if counted(f.Index, rc.Failed) && !told[f.Index] {
			rb.kept = appendRow(rb.kept, row(v1alpha1.ItemResult{Index: f.Index, Size: f.Size, Reason: f.Reason}))
		}
	}
	for _, f := range rep.Found {
		if counted(f.Index, rc.Done) {
			r := row(v1alpha1.ItemResult{Index: f.Index, OK: true, By: f.Worker})
			r.Found = f.Value
			rb.kept = appendRow(rb.kept, r)
		}
	}
	if items == 0 {
		rb.blocks(now, p.Keep, t, rc)
	}
}

// by is who did something for a worker that may be a tier: its own worker's name behind its own.
func by(worker, name string) string {
	if name == "" {
		return worker
	}
	return worker + "/" + name
}

// cut bounds the output of a row as the list says.
func cut(x v1alpha1.ItemResult, p v1alpha1.ResultsPolicy) v1alpha1.ItemResult {
	most := 0
	if p.Output != nil {
		most = int(p.Output.Value())
	}
	if len(x.Output) > most {
		at := len(x.Output) - most // its end, where the error is,
		for at < len(x.Output) && !utf8.RuneStart(x.Output[at]) {
			at++ // in whole characters
		}
		x.Output = x.Output[at:]
	}
	return x
}

// take hands out what has gathered.
func (rb *rowBuffer) take() (out []store.Rows) {
	rb.endRun()
	if len(rb.kept) > 0 {
		out = append(out, store.Rows{Kept: true, Data: rb.kept})
	}
	if len(rb.done) > 0 {
		out = append(out, store.Rows{Data: rb.done})
	}
	rb.kept, rb.done = nil, nil
	return out
}

func appendRow(b []byte, r *v1alpha1.Result) []byte {
	line, err := json.Marshal(r)
	if err != nil { // nothing in a row can fail to marshal but a time out of range
		return b
	}
	return append(append(b, line...), '\n')
}
