package items

import (
	"fmt"
	"math/big"
)

// checkLen is n as a length, or an error naming the size where it is too large.
func checkLen(n *big.Int) (int64, error) {
	if !n.IsInt64() || n.Int64() > MaxLen {
		return 0, tooMany(grouped(n))
	}
	return n.Int64(), nil
}

func tooMany(size string) error {
	return fmt.Errorf("%s items are too many: a list has at most %s (2^53-1); split it into several lists", size, grouped(big.NewInt(MaxLen)))
}

// grouped writes a number with its digits in threes, as people read large ones.
func grouped(n *big.Int) string {
	s := n.String()
	if len(s) > 60 {
		return fmt.Sprintf("about 10^%d", len(s)-1)
	}
	var b []byte
	for i, c := range []byte(s) {
		if i > 0 && (len(s)-i)%3 == 0 && s[i-1] != '-' {
			b = append(b, ',')
		}
		b = append(b, c)
	}
	return string(b)
}
