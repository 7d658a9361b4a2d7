package finding

// Reason says why something cannot be done, in a document as one text with the statements that end it. The zero value
// says nothing.
type Reason struct {
	Text string
	// Missing are the rights whose absence is the whole matter.
	Missing []Right
}

// IsSet reports whether there is a reason.
func (r Reason) IsSet() bool { return r.Text != "" }

// String returns the text, and the statements that give what is missing.
func (r Reason) String() string {
	if len(r.Missing) == 0 {
		return r.Text
	}
	return r.Text + ": " + GrantText(r.Missing)
}

// MarshalText returns what String returns.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText takes the whole as the text.
func (r *Reason) UnmarshalText(text []byte) error {
	*r = Reason{Text: string(text)}
	return nil
}
