package config

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a text that does not print: every way of formatting, encoding or logging it
// gives "[redacted]". Only Reveal returns the text. The zero Secret is not set.
type Secret struct {
	// text is a function, because fmt calls no methods on an unexported field of another
	// struct. It would print a string there, and would follow a pointer for a verb that does
	// not fit a pointer. It never follows a function.
	text func() string
}

// NewSecret returns a text that does not print. An empty one is not set.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: func() string { return text }}
}

// Reveal returns the text. Call it where the text is used, not before.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return s.text()
}

// IsSet reports whether there is a text at all.
func (s Secret) IsSet() bool { return s.text != nil }

// String returns "[redacted]".
func (s Secret) String() string { return redacted }

// GoString returns "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]" for every verb. Without it, %x and %d would bypass String.
func (s Secret) Format(f fmt.State, _ rune) { writeRedacted(f) }

// MarshalText returns "[redacted]". JSON and YAML use it too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// writeRedacted ignores the write error because fmt.State cannot report one.
func writeRedacted(w io.Writer) { _, _ = io.WriteString(w, redacted) }
