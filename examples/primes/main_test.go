package main

import "testing"

func TestCounts(t *testing.T) {
	for _, c := range []struct{ start, end, want int }{
		{0, 1, 0}, {0, 2, 1}, {1, 100, 25}, {2, 2, 1}, {4, 4, 0}, {90, 96, 0}, {97, 97, 1}, {1, 1_000_000, 78_498},
		{999_900_000, 1_000_000_000, 4_832}, // two segments' worth, far out
	} {
		if got := sieve(c.start, c.end); got != c.want {
			t.Errorf("%d primes from %d to %d by the sieve, not %d", got, c.start, c.end, c.want)
		}
		if got := divide(c.start, c.end); got != c.want {
			t.Errorf("%d primes from %d to %d by division, not %d", got, c.start, c.end, c.want)
		}
	}
}
