package worklists

import (
	"flag"
	"os"
	"testing"
)

// A controller that goes wrong only where several things come together is not found by rapid's usual hundred tries.
func TestMain(m *testing.M) {
	flag.Parse()
	for name, value := range map[string]string{"rapid.checks": "600", "rapid.steps": "60"} {
		if f := flag.Lookup(name); f.Value.String() == f.DefValue {
			flag.Set(name, value)
		}
	}
	os.Exit(m.Run())
}
