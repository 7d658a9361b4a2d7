package audit

import (
	"errors"
	"slices"
)

// Severity says how much a finding matters.
type Severity uint8

// The severities, from the least to the worst. The zero value is none.
const (
	Info Severity = iota + 1
	Low
	Medium
	High
	Critical
)

// severityNames are the names of the severities, from none on.
var severityNames = []string{"none", "info", "low", "medium", "high", "critical"}

// Severities returns all severities, the worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

// String returns the name, such as "high".
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return "unknown"
}

// MarshalText returns what String returns.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// ErrSeverity says that a text is no severity.
var ErrSeverity = errors.New("it must be info, low, medium, high or critical")

// ParseSeverity reads the name of a severity. The error is ErrSeverity.
func ParseSeverity(name string) (Severity, error) {
	at := slices.Index(severityNames, name)
	if at < int(Info) {
		return 0, ErrSeverity
	}
	return Severity(at), nil //nolint:gosec // an index of six names
}
