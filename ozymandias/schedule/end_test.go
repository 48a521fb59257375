package schedule_test

import (
	"encoding/json"
	"testing"
	"time"

	"teamtask.dev/ozymandias/schedule"
)

// The ends of instances are as short in a record as they can be, and read as they were written. Those without a revision are
// of earlier programs.
func TestEndText(t *testing.T) {
	at := time.Unix(1767323045, 0).UTC()
	for _, c := range []struct {
		end  schedule.End
		text string
	}{
		{schedule.End{Outcome: schedule.Complete, Node: "n1", At: at}, `"n1 1767323045"`},
		{schedule.End{Outcome: schedule.Failed, Node: "node-2.example", At: at, Code: 137}, `"node-2.example 1767323045 137"`},
		{schedule.End{Outcome: schedule.Failed, Node: "n1", At: at}, `"n1 1767323045 0"`},
		{schedule.End{Outcome: schedule.Complete, Revision: 2, Node: "n1", At: at}, `"n1/2 1767323045"`},
		{schedule.End{Outcome: schedule.Failed, Revision: 10, Node: "node-2.example", At: at, Code: 137}, `"node-2.example/10 1767323045 137"`},
	} {
		text, err := json.Marshal(c.end)
		if err != nil || string(text) != c.text {
			t.Errorf("%+v is written as %s, %v, want %s", c.end, text, err, c.text)
		}
		var read schedule.End
		if err := json.Unmarshal(text, &read); err != nil || read != c.end {
			t.Errorf("%s is read as %+v, %v, want %+v", text, read, err, c.end)
		}
	}
	for _, bad := range []string{`""`, `"n1"`, `"n1 yesterday"`, `"n1 1767323045 none"`, `"n1 1767323045 1 2"`, `"n1/ 1767323045"`, `"n1/two 1767323045"`} {
		var read schedule.End
		if err := json.Unmarshal([]byte(bad), &read); err == nil {
			t.Errorf("%s is read as %+v", bad, read)
		}
	}
}
