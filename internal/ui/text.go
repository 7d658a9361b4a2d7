package ui

import (
	"fmt"

	"github.com/ocmt/ocmt/internal/visible"
)

// Clean makes control characters visible, so that text from a database or a
// file cannot move the cursor, change colours or fake lines.
func Clean(text string) string { return visible.Text(text) }

// Tone is the meaning of a piece of text, which a terminal shows by colour. The words must
// say it too, because colour reaches neither a pipe nor every reader.
type Tone int

// The tones.
const (
	Plain Tone = iota
	Good
	Caution
	Bad
	Strong
	Faint
)

// sequences are the terminal's colour codes (ECMA-48 SGR) by tone.
var sequences = [...]string{Plain: "", Good: "32", Caution: "33", Bad: "31", Strong: "1", Faint: "2"}

func paint(on bool, tone Tone, text string) string {
	if !on || tone == Plain {
		return text
	}
	return "\x1b[" + sequences[tone] + "m" + text + "\x1b[0m"
}

// Count returns a number with its noun: "1 row", "2 rows", "12,345 rows".
func Count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + many
}

// Number returns n with a comma between thousands.
func Number(n int64) string {
	digits := fmt.Sprintf("%d", n)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return sign + digits
}
