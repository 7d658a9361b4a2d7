package main

import (
	"slices"
	"testing"
	"time"
)

// If this fails, one round on a busy machine changes what is reported.
func TestMedian(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		list []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{1, 2}, 1.5}, {[]float64{900, 2, 1}, 2}, {[]float64{4, 1, 900, 2}, 3}} {
		before := slices.Clone(one.list)
		if got := median(one.list); got != one.want {
			t.Errorf("the median of %v is %v, want %v", one.list, got, one.want)
		}
		if !slices.Equal(before, one.list) {
			t.Errorf("%v was put into another order: rounds would no longer match", before)
		}
	}
}

// If this fails, the p99 is not a latency that was measured.
func TestLatencyOf(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for ms := 1000; ms > 0; ms-- {
		all = append(all, time.Duration(ms)*time.Millisecond)
	}
	if got, want := latencyOf(all), (Latency{Writes: 1000, P50: 500, P99: 990}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := latencyOf(nil); got != (Latency{}) {
		t.Errorf("of no writes: %+v", got)
	}
}

// If this fails, a number without commas is misread by a factor of ten.
func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 123456: "123,456", 1000000: "1,000,000", -1234: "-1,234"} {
		if got := groupDigits(n); got != want {
			t.Errorf("%d is written %s, want %s", n, got, want)
		}
	}
}
