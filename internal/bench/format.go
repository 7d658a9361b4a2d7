package main

import (
	"fmt"
	"strconv"
)

// groupDigits returns a number with commas between thousands: 1,000,000.
func groupDigits(n int) string {
	if n < 0 {
		return "-" + groupDigits(-n)
	}
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// countNoun returns a number with the name of what it counts.
func countNoun(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return groupDigits(n) + " " + thing + "s"
}

func formatPercent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

// formatChange returns a share with its sign, in percent.
func formatChange(share float64) string { return fmt.Sprintf("%+.1f%%", 100*share) }

// formatTimes returns a ratio with as many digits as are significant.
func formatTimes(ratio float64) string {
	if ratio >= 10 {
		return fmt.Sprintf("%.0f times", ratio)
	}
	return fmt.Sprintf("%.2f times", ratio)
}

func formatMebibytes(n int64) string { return fmt.Sprintf("%.0f", float64(n)/(1<<20)) }
