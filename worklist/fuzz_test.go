package worklist

import (
	"encoding/json"
	"testing"
	"time"
)

// Whatever is presented as a token, only what was sealed for that worker is one; and nothing makes Open panic.
func FuzzOpen(f *testing.F) {
	seal := func() *Sealer { return NewSealer([]byte("secret"), "list") }
	token := Token{Epoch: 3, ID: 7, Range: Range{10, 20}, Attempt: 2, Deadline: time.UnixMilli(1e12), Worker: "w"}
	sealed := seal().Seal(token)
	f.Add(sealed, "w")
	f.Add(sealed, "v")
	f.Add(sealed[:len(sealed)-1], "w")
	f.Add("AAAA"+sealed, "w")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, text, worker string) {
		got, err := seal().Open(text, worker)
		if err == nil && seal().Seal(got) != text {
			t.Fatalf("%q was opened as %+v, which is sealed otherwise", text, got)
		}
		if err == nil && (text != sealed || worker != "w") {
			t.Fatalf("%q is taken for a token of %q", text, worker)
		}
	})
}

// Whatever is read as a record, one that passes its check can be gone on with, and is the same when it is read again.
func FuzzRecord(f *testing.F) {
	for _, s := range []string{`{"size":10}`, `{"size":10,"next":10,"epoch":2,"done":"0+10"}`,
		`{"size":100,"next":60,"epoch":1,"lease":"1m0s","done":"0+10 5+5","retry":[{"attempts":2,"size":3,"reason":"x","ranges":"10+5"}],"failed":[{"attempts":3,"ranges":"30+1"}]}`,
		`{"size":10,"end":{"phase":"Complete","reason":"all items are done","at":"2000-01-01T00:00:00Z"}}`, `{}`, `{"size":-1}`, `{"size":1,"next":2}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r Record
		if json.Unmarshal([]byte(text), &r) != nil || r.Check() != nil {
			return
		}
		once, err := json.Marshal(&r)
		var again Record
		if err == nil {
			err = json.Unmarshal(once, &again)
		}
		if err != nil {
			t.Fatalf("%s is written as %s: %v", text, once, err)
		}
		twice, err := json.Marshal(&again)
		if err != nil || string(once) != string(twice) {
			t.Fatalf("%s, then %s: %v", once, twice, err)
		}
		l := Restore(r, Policy{}, time.Unix(1e9, 0), true)
		l.Claim(time.Unix(2e9, 0), Claim{Worker: "w", Blocks: 3})
		if s := l.Status(time.Unix(2e9, 0)); s.Leased < 0 || s.Done+s.Failed+s.Leased+s.Waiting+s.Fresh != s.Size {
			t.Fatalf("%s makes a ledger that does not add up: %+v", text, s)
		}
	})
}
