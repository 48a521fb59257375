package job

import (
	"fmt"
	"strings"
	"time"
)

// Duration is a time.Duration that is never negative. As text it is a Go duration, "90s" or "1h30m"; a bare number is seconds.
// JSON has it as text.
type Duration time.Duration

// ParseDuration reads a duration.
func ParseDuration(s string) (Duration, error) {
	full := s
	if _, _, ok := decimal(s); ok {
		full += "s"
	}
	d, err := time.ParseDuration(full)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration: write seconds, or a number with ms, s, m or h, as in 90s or 1h30m", s)
	case d < 0:
		return 0, fmt.Errorf("%q is negative: a duration is 0s or more", s)
	}
	return Duration(d), nil
}

// String writes the duration without parts that are nothing: 1m, not 1m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes [Duration.String].
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is [ParseDuration].
func (d *Duration) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDuration(string(b))
	return err
}

// UnmarshalJSON takes text or a number of seconds.
func (d *Duration) UnmarshalJSON(b []byte) error { return fromScalar(b, d) }
