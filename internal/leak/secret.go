package leak

// MinLength is the number of characters from which on a secret is searched. A shorter one also
// occurs by chance, and a find of it would prove nothing.
const MinLength = 12

// Value is a secret that does not print, such as config.Secret.
type Value interface {
	// Reveal returns the text of the secret, "" for one that is not set.
	Reveal() string
}

// Secret is a secret to search for.
type Secret struct {
	// Name is the setting that has the secret. It is what a Hit names.
	Name  string
	Value Value
}

// Hit is one secret in one form, found in a text. It has no part of the text.
type Hit struct {
	// Name is the setting of the secret.
	Name string
	Form Form
	// Offset is the byte at which the first occurrence begins, counted from the beginning of the
	// text.
	Offset int64
}
