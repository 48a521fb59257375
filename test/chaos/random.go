package chaos

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
)

var seed = flag.Uint64("chaos.seed", rand.Uint64(), "of what goes wrong at random")

// Random is a test's own source of faults. What it gives follows from the seed, which is logged, and the test's name.
func Random(t *testing.T) *rand.Rand {
	t.Helper()
	t.Logf("-chaos.seed=%d", *seed)
	return rand.New(rand.NewChaCha8(sha256.Sum256(fmt.Appendln(nil, *seed, t.Name()))))
}
