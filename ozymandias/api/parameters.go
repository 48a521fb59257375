package api

import (
	"fmt"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// waitTime is a duration in a query.
type waitTime struct{ time.Duration }

func (waitTime) Schema(huma.Registry) *huma.Schema { return text("A Go duration.", "30s") }

// UnmarshalText reads a duration that is not negative.
func (w *waitTime) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err == nil && d < 0 {
		err = fmt.Errorf("%s is negative", d)
	}
	w.Duration = d
	return err
}
