package cli

import (
	"testing"
	"time"
)

// If this fails, an operator takes a run of last year, or of yesterday, for one of today.
func TestRecordedTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 23, 30, 0, 0, time.FixedZone("", -3600)) // 00:30 of the 25th in UTC
	for text, want := range map[string]string{
		"2026-11-25 00:14:05+00":    "00:14",
		"2026-11-25 01:14:05+01":    "00:14",
		"2026-11-25 05:44:05+05:30": "00:14",
		"2026-11-24 20:14:05+00":    "24 Nov 20:14",
		"2026-01-02 20:14:05+00":    "2 Jan 20:14",
		"2025-11-25 00:14:05+00":    "25 Nov 2025 00:14",
		"never":                     "never",
	} {
		if got := recordedTime(text, now); got != want {
			t.Errorf("%s is told as %q, want %q", text, got, want)
		}
	}
}
