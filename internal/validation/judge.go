package validation

import (
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// judge checks one setting by itself. The secrets that have versions are checked together, by judgeVersions.
func (c *checker) judge(one *item) {
	if !one.isSet() {
		return
	}
	one.row.Form = formOf(one)
	for _, text := range one.secrets {
		c.describe(one, text.Reveal())
	}
	if one.kind.VersionSetting != "" {
		return
	}
	where := c.secretName(one)
	if one.kind.Address && secret.IsPlaceholder(one.text.Reveal()) {
		c.found(one, finding.Finding{Where: where, Code: finding.DocumentedExample, Severity: finding.Error,
			Message: "is an example from the documentation, which everybody can read", Fix: fixFor(one.kind)})
		return
	}
	for _, text := range one.secrets {
		for _, found := range one.kind.Check(text.Reveal()) {
			found.Where = where
			c.found(one, found)
		}
	}
}

// describe adds strength and fingerprint of a secret to its row. One that is no good has no fingerprint, because
// it could be found by it. An address with several passwords has those of the first.
func (c *checker) describe(one *item, text string) {
	if one.row.Strength != "" {
		return
	}
	one.row.Bits, one.row.Strength = strengthOf(text)
	isBad := slices.ContainsFunc(one.kind.Check(text), func(f finding.Finding) bool { return f.Severity == finding.Error })
	if !isBad {
		one.row.Fingerprint = one.kind.Fingerprint(text)
	}
}

// formOf returns a word for how a setting is written.
func formOf(one *item) string {
	text := one.text.Reveal()
	switch {
	case one.isVersion():
		return "number"
	case one.kind.Path:
		return "path"
	case one.kind.Address && strings.Contains(text, "://"):
		return "URL"
	case one.kind.Address:
		return "libpq"
	}
	return wordFor(text)
}

// wordFor returns the narrowest alphabet that a text is written in.
func wordFor(text string) string {
	for _, form := range forms {
		if !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(form.alphabet, r) }) {
			return form.name
		}
	}
	return "text"
}

const (
	hexDigits = "0123456789abcdefABCDEF"
	letters   = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// forms are the alphabets of secrets, the narrowest first.
var forms = []struct{ name, alphabet string }{{"hex", hexDigits}, {"alnum", letters}, {"base64", letters + "+/-_="}}

// findReused finds one secret under two names that must not have the same.
func (c *checker) findReused() {
	for i, one := range c.items {
		for _, text := range one.secrets {
			first := slices.IndexFunc(c.items[:i], func(other *item) bool { return !maySame(one, other) && holds(other, one, text.Reveal()) })
			if first < 0 || secret.IsPlaceholder(text.Reveal()) {
				continue
			}
			other := c.items[first]
			c.found(one, finding.Finding{Code: finding.SharedSecret, Severity: finding.Error,
				Message: "is the same secret as " + c.secretName(other) + "; each must have its own", Fix: fixFor(c.newer(one, other))})
		}
	}
}

// newer returns the kind of two that is to be made anew: one that the operator makes, and that no value of the
// database needs.
func (c *checker) newer(one, other *item) secret.Kind {
	if one.kind.Generate == nil || one.kind.VersionSetting != "" {
		return other.kind
	}
	return one.kind
}

// secretName names the secret of an item.
func (c *checker) secretName(one *item) string {
	name := c.where(one.side, one.row.Name)
	if one.kind.Address {
		return "the password of " + name
	}
	return name
}

// holds reports whether an item has a secret of another one. Hexadecimal digits are the same in either case where
// one of the two is a key of versions.
func holds(one, other *item, text string) bool {
	return slices.ContainsFunc(one.secrets, func(held secret.Value) bool {
		if one.kind.VersionSetting != "" || other.kind.VersionSetting != "" {
			return strings.EqualFold(held.Reveal(), text)
		}
		return held.Reveal() == text
	})
}

// maySame reports whether two settings may have one secret: those of one kind, which are compared elsewhere, and
// those that others make, which may be those of one account.
func maySame(one, other *item) bool {
	return one.kind.Name == other.kind.Name || one.kind.Issued && other.kind.Issued
}
