package node

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// Of what a check says the end is kept, however it comes, and never much more than that.
func TestTail(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var kept tail
		var all []byte
		for range rapid.IntRange(0, 20).Draw(t, "pieces") {
			piece := bytes.Repeat([]byte{byte(rapid.IntRange('a', 'z').Draw(t, "letter"))}, rapid.IntRange(0, 2*tailBytes).Draw(t, "length"))
			if n, err := kept.Write(piece); n != len(piece) || err != nil {
				t.Fatalf("Write() = %d, %v", n, err)
			}
			all = append(all, piece...)
		}
		if want := all[max(0, len(all)-tailBytes):]; !bytes.Equal(kept, want) {
			t.Fatalf("%d bytes are kept, which are not the last %d", len(kept), len(want))
		}
		if cap(kept) > 8*tailBytes {
			t.Fatalf("%d bytes are held", cap(kept))
		}
	})
}
