package cli

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// atLeast is a flag's number that has a least value. One below it is refused, and so is a zero that was written where
// only leaving the flag out means the default.
type atLeast[T cmp.Ordered] struct {
	to    *T
	least T
	kind  string
	parse func(string) (T, error)
}

func intAtLeast(least int, to *int) pflag.Value {
	return atLeast[int]{to, least, "int", strconv.Atoi}
}

func int32AtLeast(least int32, to *int32) pflag.Value {
	return atLeast[int32]{to, least, "int32", func(s string) (int32, error) {
		n, err := strconv.ParseInt(s, 10, 32)
		return int32(n), err
	}}
}

func durationAtLeast(least time.Duration, to *time.Duration) pflag.Value {
	return atLeast[time.Duration]{to, least, "duration", time.ParseDuration}
}

// String is empty for the zero value, so that the help shows no default.
func (v atLeast[T]) String() string {
	var zero T
	if *v.to == zero {
		return ""
	}
	return fmt.Sprint(*v.to)
}

func (v atLeast[T]) Type() string { return v.kind }

func (v atLeast[T]) Set(text string) error {
	x, err := v.parse(text)
	if err != nil {
		return err
	}
	if x < v.least {
		return fmt.Errorf("must be at least %v", v.least)
	}
	*v.to = x
	return nil
}
