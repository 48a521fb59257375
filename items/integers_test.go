package items

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawInteger favours what lies near the ends of 64 bits and of what a list may have.
func drawInteger(t *rapid.T, label string) int64 {
	near := rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 / 2, -MaxLen, 0, MaxLen, math.MaxInt64 / 2, math.MaxInt64}).Draw(t, label+" near")
	return near + rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64()).Draw(t, label) // may wrap: any number will do
}

// checkRange compares a range with what it is in numbers without bounds: its length, its item i, and where n is in it.
func checkRange(t rapid.TB, first, last, step, i, n int64) {
	t.Helper()
	text := fmt.Sprintf("%d..%d..%d", first, last, step)
	r, err := parsed(text)
	if step == 0 {
		if err == nil {
			t.Fatalf("%s is a range", text)
		}
		return
	}
	from, stride := big.NewInt(first), new(big.Int).Abs(big.NewInt(step))
	span := new(big.Int).Sub(big.NewInt(last), from)
	count := new(big.Int).Div(new(big.Int).Abs(span), stride)
	count.Add(count, big.NewInt(1))
	if span.Sign() < 0 {
		stride.Neg(stride)
	}
	if count.Cmp(big.NewInt(MaxLen)) > 0 {
		if err == nil || !strings.Contains(err.Error(), grouped(count)+" items are too many") {
			t.Fatalf("%s has %s items: %v", text, count, err)
		}
		return
	}
	if err != nil || r.Len() != count.Int64() {
		t.Fatalf("%s has %d items, %v; want %s", text, r.Len(), err, count)
	}
	for _, i := range []int64{0, r.Len() / 2, r.Len() - 1, int64(uint64(i) % uint64(r.Len()))} {
		want := new(big.Int).Add(from, new(big.Int).Mul(big.NewInt(i), stride)).String()
		if got, err := At(r, i); err != nil || got != want {
			t.Fatalf("%s: at(%d) = %s, %v; want %s", text, i, got, err, want)
		}
		if back, ok, err := Index(r, want); err != nil || !ok || back != i {
			t.Fatalf("%s: index(%s) = %d, %v, %v; want %d", text, want, back, ok, err, i)
		}
	}
	// Any number is in the range where it is a whole number of steps from the start, and nowhere else.
	behind := new(big.Int).Add(from, new(big.Int).Mul(count, stride))
	for _, n := range []*big.Int{big.NewInt(n), new(big.Int).Sub(from, stride), behind} {
		steps, rest := new(big.Int).QuoRem(new(big.Int).Sub(n, from), stride, new(big.Int))
		in := rest.Sign() == 0 && steps.Sign() >= 0 && steps.Cmp(count) < 0
		if i, ok, err := Index(r, n.String()); err != nil || ok != in || ok && i != steps.Int64() {
			t.Fatalf("%s: index(%s) = %d, %v, %v; want %s, %v", text, n, i, ok, err, steps, in)
		}
	}
}

func TestRangeAgainstBigIntegers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkRange(t, drawInteger(t, "first"), drawInteger(t, "last"), drawInteger(t, "step"), rapid.Int64().Draw(t, "i"), drawInteger(t, "n"))
	})
}

func FuzzRange(f *testing.F) {
	f.Add(int64(1), int64(math.MaxInt64), int64(math.MaxInt64-1), int64(1), int64(math.MaxInt64))
	f.Add(int64(math.MinInt64), int64(math.MaxInt64), int64(math.MinInt64), int64(1), int64(0))
	f.Add(int64(math.MaxInt64), int64(math.MinInt64), int64(1024), int64(7), int64(-1))
	f.Add(int64(5), int64(-5), int64(3), int64(2), int64(-1))
	f.Fuzz(func(t *testing.T, first, last, step, i, n int64) { checkRange(t, first, last, step, i, n) })
}

func TestRangeAtTheEnds(t *testing.T) {
	for text, want := range map[string]string{
		"1..9223372036854775807..9223372036854775806":                        "1|9223372036854775807",
		"-1..-9223372036854775808..9223372036854775807":                      "-1|-9223372036854775808",
		"-9223372036854775808..9223372036854775807..9223372036854775807":     "-9223372036854775808|-1|9223372036854775806",
		"9223372036854775807..-9223372036854775808..9223372036854775807":     "9223372036854775807|0|-9223372036854775807",
		"-9223372036854775808..9223372036854775807..-9223372036854775808":    "-9223372036854775808|0",
		"9223372036854775807..-9223372036854775808..-9223372036854775808":    "9223372036854775807|-1",
		"9223372036854775807..9223372036854775807":                           "9223372036854775807",
		"-9223372036854775808..9223372036854775807..4611686018427387904":     "-9223372036854775808|-4611686018427387904|0|4611686018427387904",
		"-9223372036854775808..00009223372036854775807..9223372036854775807": "-0009223372036854775808|-0000000000000000000001|00009223372036854775806",
	} {
		src := build(t, Spec{Range: rng(text)})
		items := all(t, src)
		if got := strings.Join(items, "|"); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
		for i, item := range items {
			if back, ok, err := Index(src, item); err != nil || !ok || back != int64(i) {
				t.Errorf("%s: index(%s) = %d, %v, %v", text, item, back, ok, err)
			}
		}
	}
}

// As in bash: leading zeros set the width, a plus sign does not.
func TestRangeWidth(t *testing.T) {
	for text, want := range map[string]string{
		"-05..5..5": "-05|000|005", "1..010..9": "001|010", "100..-05..105": "100|-05", "-1..05..6": "-1|05", "-0..2": "0|1|2",
		"-00..2": "000|001|002", "+05..7": "5|6|7", "1..+03": "1|2|3", "-100..01..101": "-100|0001", "+100..01..99": "0100|0001",
	} {
		if got := strings.Join(all(t, build(t, Spec{Range: rng(text)})), "|"); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

// rng is a range that is known to be well written.
func rng(text string) *RangeSpec {
	r, err := ParseRange(text)
	if err != nil {
		panic(err)
	}
	return r
}

func parsed(text string) (integers, error) {
	r, err := ParseRange(text)
	if err != nil {
		return integers{}, err
	}
	return r.build()
}

// What is wrong with a range is said with the range itself.
func TestRangeRefused(t *testing.T) {
	for text, want := range map[string]string{
		"1":                   `"1": must be START..END`,
		"1..x":                `"x" is not an integer`,
		"1..5..0":             "the step is 0",
		"{1..5":               "the brace is not closed",
		"0..9007199254740991": "9,007,199,254,740,992 items are too many: a list has at most 9,007,199,254,740,991 (2^53-1)",
		"-9223372036854775808..9223372036854775807": "18,446,744,073,709,551,616 items are too many",
		"1..9223372036854775808":                    `"1..9223372036854775808": "9223372036854775808" is not an integer within 64 bits`,
		"0..9223372036854775807..1023":              `"0..9223372036854775807..1023": 9,016,003,946,094,601 items are too many`,
	} {
		_, err := ParseRange(text)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), strconv.Quote(text)) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A range as text is the same range when it is read again.
func TestRangeString(t *testing.T) {
	for _, text := range []string{"1..100", "1..100..7", "-5..-1", "08..11", "10..1..3", "-01..1"} {
		if got := rng(text).String(); got != text && rng(got).String() != got {
			t.Errorf("%s is written %s", text, got)
		}
	}
}
