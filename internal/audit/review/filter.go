package review

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ocmt/ocmt/pkg/secret"
)

// Filter says which rows are looked at. Its criteria are combined by AND; of a list, any value counts.
// The zero filter takes every row.
type Filter struct {
	// Since and Until bound the time of a row: from Since on, and before Until. The zero time is none.
	Since, Until time.Time
	Users        []string // ids, of who did it or to whom it was done
	Tenants      []string // ids, of the row or of its user
	Groups       []string // ids
	Action       string   // the whole name, or its beginning with * at the end; "" for any
	Networks     []netip.Prefix
	Failed       bool     // only what failed
	Sources      []Source // none for all
	// Telling takes only the rows that Find looks at.
	Telling bool
}

// The reasons why a filter is none.
var (
	ErrNoTime   = errors.New("--since is not before --until, so that no time is in between")
	ErrWildcard = errors.New("an action may have * at its end only")
)

// UnknownSourceError says that there is no audit table of a name.
type UnknownSourceError struct{ Name string }

// Error lists the names that there are.
func (e *UnknownSourceError) Error() string {
	names := make([]string, 0, len(Sources()))
	for _, source := range Sources() {
		names = append(names, string(source))
	}
	name := strconv.Quote(e.Name)
	if secret.Resembles(e.Name) {
		name = "what was named"
	}
	return name + " is no source: there are " + strings.Join(names, ", ")
}

// Validate returns ErrNoTime, ErrWildcard or an *UnknownSourceError where no row can match.
func (f Filter) Validate() error {
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return ErrNoTime
	}
	if at := strings.IndexByte(f.Action, '*'); at >= 0 && at < len(f.Action)-1 {
		return ErrWildcard
	}
	for _, source := range f.Sources {
		if !slices.Contains(Sources(), source) {
			return &UnknownSourceError{Name: string(source)}
		}
	}
	return nil
}

// Takes reports whether the filter looks at a source.
func (f Filter) Takes(source Source) bool {
	return len(f.Sources) == 0 || slices.Contains(f.Sources, source)
}

// ActionPrefix returns the beginning that actions must have, and whether the filter asks for one.
func (f Filter) ActionPrefix() (prefix string, is bool) { return strings.CutSuffix(f.Action, "*") }

// ErrTime says that a text is neither a time nor an age.
var ErrTime = errors.New("it must be a time such as 2026-01-31T18:00:00Z, or an age such as 90m, 12h or 30d")

// ParseTime reads a time as RFC 3339 writes it, or how long ago it was: a number with m, h or d. The
// error is ErrTime.
func ParseTime(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC(), nil
	}
	const longest = 36500 // days
	if number, days := strings.CutSuffix(text, "d"); days {
		count, err := strconv.ParseFloat(number, 64)
		if err != nil || !(count > 0 && count < longest) {
			return time.Time{}, ErrTime
		}
		return now.UTC().Add(-time.Duration(count * float64(24*time.Hour))), nil
	}
	length, err := time.ParseDuration(text)
	if err != nil || length <= 0 {
		return time.Time{}, ErrTime
	}
	return now.UTC().Add(-length), nil
}

// tellingParts are the parts of the names of actions that Find looks at.
var tellingParts = []string{"login", "logged_in", "sign.?in", "auth", "mfa", "totp", "unlock", "capability.*denied", "credential", "impersonat", "emergency", "break.?glass"}

// TellingPattern is a regular expression, in the syntax of PostgreSQL, that matches the actions that
// Find looks at.
func TellingPattern() string { return strings.Join(tellingParts, "|") }
