package main

import (
	"slices"
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var all []time.Duration
	for n := range 100 {
		all = append(all, time.Duration(100-n))
	}
	got := []time.Duration{quantile(all, 0.5), quantile(all, 0.99), quantile(all, 1), quantile(all[:1], 0.5), quantile(all[:3], 0.5), quantile(nil, 0.5)}
	if want := []time.Duration{50, 99, 100, 100, 99, 0}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{8123 * time.Millisecond: "8.12 s", 1500 * time.Microsecond: "1.5 ms", 20 * time.Microsecond: "20 µs"} {
		if got := short(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
