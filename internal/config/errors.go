package config

import (
	"fmt"

	"github.com/ocmt/ocmt/pkg/secret"
)

// redactName returns a name or a path as an error shows it, and hides one that may be a
// secret in the wrong place.
func redactName(text string) string {
	if secret.Resembles(text) {
		return "[not shown: it may be a secret]"
	}
	return text
}

// MissingError says that a setting is needed and not set.
type MissingError struct {
	Name   string // the environment name, such as DATABASE_URL
	Advice string // what to set, in a sentence
	Closed bool   // the folder may not be entered, so that no .env in it was read
}

// Error names the setting.
func (e *MissingError) Error() string {
	if e.Closed {
		return e.Name + " is not set, and this account may not enter the folder, so that no .env in it was read"
	}
	return e.Name + " is not set"
}

// InvalidError says that a setting is set and cannot be used. It holds the value only where that is a plain word or
// a number.
type InvalidError struct {
	Name   string
	Source Source
	Reason string // "must be a whole number of at least 1"
	Advice string // what to do; "" where the reason says it
}

// Error names the setting and where it was found, or the flag that was typed, and the rule it breaks.
func (e *InvalidError) Error() string {
	if e.Source.Kind == FromFlag && e.Source.Via != "" {
		return e.Source.Via + " " + e.Reason
	}
	return fmt.Sprintf("%s (%s) %s", redactName(e.Name), e.Source, e.Reason)
}

// FileError says that a file with settings cannot be used. It never holds any of the file's
// contents.
type FileError struct {
	Path   string
	Line   int // 0 where it is not known
	Reason string
	Advice string
	Cause  error // the error of the operating system, or nil
}

// Error names the file, the line and the rule it breaks.
func (e *FileError) Error() string {
	text := fmt.Sprintf("reading settings file %q", redactName(e.Path))
	if e.Line > 0 {
		text = fmt.Sprintf("%s, line %d", text, e.Line)
	}
	if e.Cause != nil {
		return fmt.Sprintf("%s: %v", text, e.Cause)
	}
	return text + ": " + e.Reason
}

// Unwrap returns the operating system's error.
func (e *FileError) Unwrap() error { return e.Cause }
