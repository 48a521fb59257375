package placement

import (
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantity(t *testing.T) {
	for _, c := range []struct {
		bytes int64
		want  string
	}{
		{0, "0"}, {1, "1"}, {999, "999"}, {1000, "1k"}, {1024, "1Ki"}, {1025, "1025"}, {1500, "1500"}, {1_500_000, "1.5M"},
		{2_000_000_000, "2G"}, {2 << 30, "2Gi"}, {1_500_000_000, "1.5G"}, {3 << 29, "1.5Gi"}, {10_250_000_000, "10250M"},
		{1_048_576_000, "1000Mi"}, {16_384_256 << 10, "16384256Ki"}, {1 << 60, "1024Pi"}, {9_007_199_254_740_993, "9007199254740993"},
		{-2_000_000_000, "-2G"},
	} {
		if got := Quantity(Resources{Memory: c.bytes}, Memory); got != c.want {
			t.Errorf("%d bytes read %q, not %q", c.bytes, got, c.want)
		}
	}
	for cpu, want := range map[int64]string{0: "0", 1: "0.001", 500: "0.5", 1000: "1", 1500: "1.5", 64_250: "64.25"} {
		if got := Quantity(Resources{CPU: cpu}, CPU); got != want {
			t.Errorf("%d thousandths read %q, not %q", cpu, got, want)
		}
	}
}

// What is short is never said to be less than it is, what is free never more.
func TestRounded(t *testing.T) {
	for _, c := range []struct {
		bytes         int64
		atMost, short string
	}{
		{0, "0", "nothing"}, {999, "999", "999 of memory"}, {2_000_000_000, "2G", "2G of memory"}, {1 << 30, "1Gi", "1Gi of memory"}, {600 << 20, "600Mi", "600Mi of memory"},
		{852_516_352, "852M", "853M of memory"}, {147_483_648, "147M", "148M of memory"}, {18_012_676_916, "18G", "18.1G of memory"},
		{999_900_001, "999M", "1G of memory"}, {1 << 62, "4096Pi", "4096Pi of memory"},
	} {
		r := Resources{Memory: c.bytes}
		if got := atMost(r, Memory); got != c.atMost {
			t.Errorf("%d bytes are free: reads %q, not %q", c.bytes, got, c.atMost)
		}
		if got := r.atLeast(); got != c.short {
			t.Errorf("%d bytes are short: reads %q, not %q", c.bytes, got, c.short)
		}
	}
}

func TestResourcesInWords(t *testing.T) {
	for want, r := range map[string]Resources{
		"nothing":      {},
		"2G of memory": {Memory: 2 * gigabyte},
		"2G of memory, 10Gi of disk and 0.5 of cpu": {Memory: 2 * gigabyte, Disk: 10 << 30, CPU: 500},
	} {
		if got := r.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}

// A quantity is exact, and no other suffix makes it shorter.
func TestQuantityIsExactAndShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]int64{1, 10, 250, 1e3, 1e6, 1e9, 1 << 10, 1 << 20, 1 << 30, 1 << 39}).Draw(t, "unit")
		n := unit * rapid.Int64Range(0, 100_000).Draw(t, "n")
		text := Quantity(Resources{Disk: n}, Disk)
		number := strings.TrimRight(text, "kKMGTPi")
		read, ok := new(big.Rat).SetString(number)
		if !ok {
			t.Fatalf("%q", text)
		}
		for _, s := range suffixes {
			if s.name == text[len(number):] {
				read.Mul(read, new(big.Rat).SetInt64(s.unit))
			}
			other := new(big.Rat).SetFrac64(n, s.unit)
			if digits, exact := other.FloatPrec(); exact && digits <= 3 && len(other.FloatString(digits)+s.name) < len(text) {
				t.Fatalf("%q, and %s%s is shorter", text, other.FloatString(digits), s.name)
			}
		}
		if read.Cmp(new(big.Rat).SetInt64(n)) != 0 {
			t.Fatalf("%d reads %q, which is %s", n, text, read)
		}
	})
}
