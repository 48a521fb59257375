package v1alpha1

import (
	"math"

	"k8s.io/apimachinery/pkg/api/resource"

	"teamtask.dev/items"
)

// Rate is ItemsPerSecond as a number.
func (s *WorklistStatus) Rate() float64 { return rateOf(s.ItemsPerSecond) }

func rateOf(q *resource.Quantity) float64 {
	if q == nil {
		return 0
	}
	return q.AsApproximateFloat64()
}

// Rate is a number of items per second as a quantity, rounded to what a person reads: in steps of [RateStep].
func Rate(perSecond float64) *resource.Quantity {
	if perSecond <= 0 {
		return nil
	}
	step := RateStep(perSecond)
	rounded := max(step, math.Round(min(perSecond, items.MaxLen)/step)*step)
	if step == 1 {
		return resource.NewQuantity(int64(rounded), resource.DecimalSI)
	}
	return resource.NewMilliQuantity(int64(math.Round(rounded*1000)), resource.DecimalSI)
}

// RateStep is how finely a rate is told: whole above 10, to a tenth below, and to a hundredth below 1.
func RateStep(perSecond float64) float64 {
	switch {
	case perSecond >= 10:
		return 1
	case perSecond >= 1:
		return 0.1
	}
	return 0.01
}
