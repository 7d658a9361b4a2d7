// Package rowkey shows the key of a row to people, in records and in documents, and hides it unless it
// is known to be harmless: the rows of a table of tokens are named by the tokens. A hidden key is shown as a digest, by which the row is
// found again:
//
//	sha256:1a2b3c4d5e6f7a8b
//
// are the first 16 hexadecimal digits of the SHA-256 of the key as the database writes it, in UTF-8. It imports the
// standard library only.
package rowkey

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"
)

const (
	prefix = "sha256:"
	// Digits is how many hexadecimal digits of a digest are shown. Two rows of a table have the same ones with a
	// probability that is negligible.
	Digits = 16
)

// secretNames matches the names of columns whose values open something, or belong to a person. A reference to such a
// row, such as token_id, is matched for sessions alone: their id is what a browser is known by.
var secretNames = regexp.MustCompile(`(?i)(^|_)(tokens?|secrets?|passwords?|passwd|pwd|passphrase|hash|hashes|digest|sid|session|session_id|sessionid|cookie|jwt|otp|pin|nonce|signature|credentials?|key_material|e?mails?|api_key|apikey|access_key|private_key|secret_key|signing_key|encryption_key|session_key|vault_key)$`)

// camel matches where a name in camel case goes on with a new word.
var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// IsHidden reports whether the key of a column could be a secret: by the name of the column, or because it is not known
// to be harmless. A UUID, a number, a date or a name made of words opens nothing, unless the name of the column says
// otherwise.
func IsHidden(column, key string) bool {
	return IsSecretColumn(column) || !isHarmless(key)
}

// IsSecretColumn reports whether every key of a column could be a secret, by the name of the column.
func IsSecretColumn(column string) bool {
	return column != "id" && column != "key" && secretNames.MatchString(camel.ReplaceAllString(column, "${1}_$2"))
}

// Show returns the key of a row for people, or its digest where IsHidden says so. The key is as the database writes it.
func Show(column, key string) string {
	if IsHidden(column, key) {
		return Digest(key)
	}
	return key
}

// ShowAll returns a key of several columns, with commas between them.
func ShowAll(columns, keys []string) string {
	shown := make([]string, len(keys))
	for i, key := range keys {
		column := ""
		if i < len(columns) {
			column = columns[i]
		}
		shown[i] = Show(column, key)
	}
	return strings.Join(shown, ", ")
}

// Digest returns what is shown in the place of a key.
func Digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return prefix + hex.EncodeToString(sum[:])[:Digits]
}

// ParseDigest returns the digits of a digest that Show has returned, and reports whether a text is one.
func ParseDigest(text string) (digits string, isDigest bool) {
	digits, isDigest = strings.CutPrefix(text, prefix)
	if !isDigest || len(digits) != Digits || strings.Trim(digits, "0123456789abcdef") != "" {
		return "", false
	}
	return digits, true
}
