package text

import (
	"fmt"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"
)

// Age is how long ago something was, as kubectl writes it; "" of the zero time.
func Age(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return duration.HumanDuration(time.Since(t))
}

// Count writes a number with its digits in threes.
func Count(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Number writes a number with what there is so many of.
func Number(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(n) + " " + many
}

// Rate writes a number of items per second in three digits or so; "" of none.
func Rate(r float64) string {
	for _, u := range []struct {
		unit float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if r >= u.unit {
			return fmt.Sprintf("%.3g%s/s", r/u.unit, u.name)
		}
	}
	if r == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g/s", r)
}
