package secret

// hidden is the text of a secret inside a struct. It is a function, because fmt calls no
// methods on an unexported field of another struct: it would print a string there. Nothing
// follows a function. A nil hidden is the empty text.
type hidden func() string

// hide returns text so that it does not print.
func hide(text string) hidden { return func() string { return text } }

// reveal returns the text. Call it where the text is used, not before.
func (h hidden) reveal() string {
	if h == nil {
		return ""
	}
	return h()
}
