package main

import (
	"fmt"
	"strconv"
)

// grouped returns a number with commas between thousands: 1,000,000.
func grouped(n int) string {
	if n < 0 {
		return "-" + grouped(-n)
	}
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// counted returns a number with the name of what it counts.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return grouped(n) + " " + thing + "s"
}

func percent(share float64) string { return fmt.Sprintf("%.0f%%", 100*share) }

// change returns a share with its sign, in percent.
func change(share float64) string { return fmt.Sprintf("%+.1f%%", 100*share) }

// times returns a ratio with as many digits as are significant.
func times(ratio float64) string {
	if ratio >= 10 {
		return fmt.Sprintf("%.0f times", ratio)
	}
	return fmt.Sprintf("%.2f times", ratio)
}

func mebibytes(n int64) string { return fmt.Sprintf("%.0f", float64(n)/(1<<20)) }
