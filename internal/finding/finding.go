// Package finding holds the one form in which ocmt reports what it found: what
// keeps a run from starting, what a proof lacks, what is wrong with a setting,
// what a search could not read.
//
// A Finding is a value: whoever finds something returns it, and internal/cli
// prints it. Its Code is one of the constants of this package, so that a script
// can branch on it. The package imports the standard library only.
package finding

import "strings"

// Severity says how much a Finding matters.
type Severity uint8

// The severities. The zero value is none.
const (
	// Warning says that something works and should be put right.
	Warning Severity = iota + 1
	// Error says that something does not work, does not protect, or must not be
	// relied on.
	Error
)

// String returns "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Warning:
		return "warning"
	case Error:
		return "error"
	default:
		return "unknown"
	}
}

// MarshalText returns what String returns.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is one thing that was found. No field holds a secret.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	// Where names the place: a setting, a file, a table, a column, a key version.
	Where string `json:"where"`
	// Message says what is wrong there, to be read behind Where.
	Message string `json:"message"`
	// Evidence says what was counted, compared or answered; it may be empty.
	Evidence string `json:"evidence,omitempty"`
	// Fix says what to do next.
	Fix string `json:"fix"`
	// Rights are the rights whose absence is the whole matter. Fix says the same as statements.
	Rights []Right `json:"-"`
}

// String returns place and message: "public.users: a rule changes updates".
func (f Finding) String() string { return f.Where + ": " + f.Message }

// Advice returns place, message and fix in one line.
func (f Finding) Advice() string {
	text := f.String()
	if f.Fix != "" {
		text += ": " + f.Fix
	}
	return text
}

// Texts returns the places and messages of a list in one line.
func Texts(list []Finding) string {
	texts := make([]string, len(list))
	for i, found := range list {
		texts[i] = found.String()
	}
	return strings.Join(texts, "; ")
}
