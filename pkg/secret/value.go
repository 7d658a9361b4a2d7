package secret

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Value is the text of a secret. It does not print: every way of formatting, encoding or logging it
// gives "[redacted]". Only Reveal returns the text. The zero Value is not set.
type Value struct {
	// text is a function, because fmt calls no methods on an unexported field of another
	// struct. It would print a string there, and would follow a pointer for a verb that does
	// not fit a pointer. It never follows a function.
	text func() string
}

// NewValue returns a text that does not print. An empty one is not set.
func NewValue(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{text: func() string { return text }}
}

// Reveal returns the text. Call it where the text is used, not before.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return v.text()
}

// IsSet reports whether there is a text at all.
func (v Value) IsSet() bool { return v.text != nil }

// String returns "[redacted]".
func (v Value) String() string { return redacted }

// GoString returns "[redacted]".
func (v Value) GoString() string { return redacted }

// Format writes "[redacted]" for every verb. Without it, %x and %d would bypass String.
func (v Value) Format(f fmt.State, _ rune) { writeRedacted(f) }

// MarshalText returns "[redacted]". JSON and YAML use it too.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns "[redacted]" as a JSON string.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// LogValue returns "[redacted]".
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// writeRedacted ignores the write error because fmt.State cannot report one.
func writeRedacted(w io.Writer) { _, _ = io.WriteString(w, redacted) }
