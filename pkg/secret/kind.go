package secret

import "io"

// Kind is one kind of secret.
type Kind struct {
	// Name is what an operator calls it, such as "encryption".
	Name string
	// Generate makes a new one from random, which has to be a cryptographic
	// source. What it makes passes Check.
	Generate func(random io.Reader) (string, error)
	// Check returns what is wrong with a text as a secret of this kind, worst
	// first; nothing where it is sound.
	Check func(text string) []Problem
}

// Kinds returns every kind, in the order in which help shows them.
func Kinds() []Kind {
	return []Kind{encryption()}
}

// Lookup returns the kind of a name, and whether there is one.
func Lookup(name string) (Kind, bool) {
	for _, kind := range Kinds() {
		if kind.Name == name {
			return kind, true
		}
	}
	return Kind{}, false
}
