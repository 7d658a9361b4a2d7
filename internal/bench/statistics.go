package main

import (
	"cmp"
	"slices"
)

// median returns the median of a list, and 0 for an empty list.
func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// medianRatio returns the median of the ratios of measurements of the same round, which the load
// of the machine affected alike.
func medianRatio(of, to []Figures, figure func(Figures) float64) float64 {
	var ratios []float64
	for round := range min(len(of), len(to)) {
		ratios = append(ratios, ratio(figure(of[round]), figure(to[round])))
	}
	return median(ratios)
}

// ratio returns 0 where the divisor is 0, because JSON has no infinite number.
func ratio(of, to float64) float64 {
	if to == 0 {
		return 0
	}
	return of / to
}

func rowsPerSecond(f Figures) float64 { return f.RowsPerSecond }

func wal(f Figures) float64 { return float64(f.WALBytes) }

func growth(f Figures) float64 { return f.Growth }

// medianOf returns the median of one figure.
func medianOf(list []Figures, figure func(Figures) float64) float64 {
	var all []float64
	for _, f := range list {
		all = append(all, figure(f))
	}
	return median(all)
}

// typical returns the measurement with the median time, or the one after it.
func typical(list []Figures) Figures {
	if len(list) == 0 {
		return Figures{}
	}
	sorted := slices.SortedFunc(slices.Values(list), func(a, b Figures) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return sorted[len(sorted)/2]
}

// largestPeak returns the largest peak memory of the measurements.
func largestPeak(list []Figures) (peak int64) {
	for _, f := range list {
		peak = max(peak, f.PeakBytes)
	}
	return peak
}
