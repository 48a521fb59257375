package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is the command itself where a test has started it to measure a strategy apart.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "-strategy" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestApart(t *testing.T) {
	at := size{20, 2, 10, 1}
	s := strategy{"Teamtask", stateless(teamtask)}
	outcomes, err := apart(t.Context(), s, at, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(outcomes); n != 6 {
		t.Errorf("%d outcomes, want those of 6 scenarios", n)
	}
	at.times = 1_000_000
	if outcomes, err = apart(t.Context(), s, at, time.Second); len(outcomes) == 0 || err != nil {
		t.Errorf("more than there is time for: %d outcomes, error %v, want what there is by then and none", len(outcomes), err)
	}
	_, err = apart(t.Context(), strategy{"unheard of", nil}, at, time.Minute)
	if err == nil || !strings.Contains(err.Error(), "must be one of those") {
		t.Errorf("a strategy that there is not: error %v, want it to say so", err)
	}
}
