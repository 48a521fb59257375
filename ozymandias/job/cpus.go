package job

import (
	"fmt"
	"strconv"
	"strings"
)

// CPUs is a number of processors, in thousandths of one so that sums are exact. As text it is a decimal number, "0.5"; "500m" is
// understood too. JSON has it as text.
type CPUs int64

// ParseCPUs reads a number of processors.
func ParseCPUs(s string) (CPUs, error) {
	const most = 10_000 // more than any machine has
	if n, ok := strings.CutSuffix(s, "m"); ok {
		whole, fraction, ok := decimal(n)
		if ok && fraction == 0 && whole <= most*1000 {
			return CPUs(whole), nil
		}
	} else if whole, fraction, ok := decimal(s); ok && fraction%1e6 == 0 && whole < most {
		return CPUs(whole*1000 + fraction/1e6), nil
	}
	return 0, fmt.Errorf("%q is not a number of processors: write a number below %d with at most three decimals, as in 0.5, or thousandths, as in 500m", s, most)
}

// String writes the number with as many decimals as it needs.
func (c CPUs) String() string { return strconv.FormatFloat(float64(c)/1000, 'f', -1, 64) }

// MarshalText writes [CPUs.String].
func (c CPUs) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText is [ParseCPUs].
func (c *CPUs) UnmarshalText(b []byte) (err error) {
	*c, err = ParseCPUs(string(b))
	return err
}

// UnmarshalJSON takes text or a number.
func (c *CPUs) UnmarshalJSON(b []byte) error { return fromScalar(b, c) }
