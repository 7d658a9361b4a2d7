package main

import (
	"slices"
	"testing"
)

// If this fails, sizes out of order turn a loss of speed into a gain, because the first is
// compared with the last.
func TestScalesAreInOrder(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int{
		"1000000,100000": {100_000, 1_000_000}, "5, 5,3": {3, 5}, "": nil, "7": {7},
	} {
		var s scales
		if err := s.Set(text); err != nil || !slices.Equal(s, want) {
			t.Errorf("%q is read as %v (%v), want %v", text, s, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "1e6", "many", "1_000"} {
		if err := new(scales).Set(text); err == nil {
			t.Errorf("%q was taken for a number of rows", text)
		}
	}
}
