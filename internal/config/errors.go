package config

import (
	"fmt"

	"github.com/ocmt/ocmt/pkg/secret"
)

// shownName returns a name or a path for an error, unless it may be a secret that was put
// in the wrong place.
func shownName(text string) string {
	if secret.Resembles(text) {
		return "[not shown: it may be a secret]"
	}
	return text
}

// MissingError says that a setting is needed and not set.
type MissingError struct {
	Name   string // the environment name, such as DATABASE_URL
	Advice string // what to set, in a sentence
}

// Error names the setting.
func (e *MissingError) Error() string { return e.Name + " is not set" }

// InvalidError says that a setting is set and cannot be used. It never holds the value.
type InvalidError struct {
	Name   string
	Source Source
	Reason string // "must be a whole number of at least 1"
	Advice string // what to do, where the reason does not say it
}

// Error names the setting, where it was found, and the rule it breaks.
func (e *InvalidError) Error() string {
	return fmt.Sprintf("%s (%s) %s", shownName(e.Name), e.Source, e.Reason)
}

// FileError says that a file with settings cannot be used. It never holds any of the file's
// contents.
type FileError struct {
	Path   string
	Line   int // 0 where it is not known
	Reason string
	Advice string
	Cause  error // from the operating system; nil otherwise
}

// Error names the file, the line and the rule it breaks.
func (e *FileError) Error() string {
	place := fmt.Sprintf("reading settings file %q", shownName(e.Path))
	if e.Line > 0 {
		place = fmt.Sprintf("%s, line %d", place, e.Line)
	}
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", place, e.Cause)
	}
	return place + ": " + e.Reason
}

// Unwrap returns the operating system's error.
func (e *FileError) Unwrap() error { return e.Cause }
