package crypto

import (
	"errors"
	"strconv"
)

// rule is a sentinel error with the short word that machines read. Each value below is one
// rule. Callers compare with errors.Is.
type rule struct {
	reason string
	text   string
}

// Error returns the rule as a sentence, which contains no part of a value.
func (r *rule) Error() string { return r.text }

// The rules that Parse applies to a text. An error that wraps one of them may name the part
// and its length, and contains none of its characters.
var (
	// ErrNotCiphertext says that the text does not have the shape of a ciphertext: it is a
	// plain token, has two or five parts, an uppercase V, or spaces in front.
	ErrNotCiphertext error = &rule{"not_ciphertext", "not a ciphertext: it is neither v{N}:iv:tag:body nor iv:tag:body"}
	// ErrVersionLabel says that the text behind the v is not a plain whole number of
	// at most 32 bits.
	ErrVersionLabel error = &rule{"version_label", "the key version in front is not a plain whole number"}
	// ErrEncoding says that a part is not Base64 (hexadecimal in the legacy form), or that
	// text follows it.
	ErrEncoding error = &rule{"encoding", "not valid Base64 (hexadecimal in the legacy form)"}
	// ErrIVLength says that the IV has neither 16 nor 12 bytes.
	ErrIVLength error = &rule{"iv_length", "the IV does not have 16 (or 12) bytes"}
	// ErrTagLength says that the tag does not have 16 bytes. A shorter one is refused
	// even where it is right, because an attacker who can write to the database forges a
	// value under a 4-byte tag in about 2^32 tries (NIST SP 800-38D, appendix C).
	ErrTagLength error = &rule{"tag_length", "the authentication tag does not have 16 bytes, and a shorter one can be forged"}
	// ErrEmptyBody says that the encrypted part is empty. OCMT stores an empty value as
	// NULL and so never writes such a text.
	ErrEmptyBody error = &rule{"empty_body", "the encrypted part is empty"}
)

// The rules of opening and sealing.
var (
	// ErrUnknownVersion says that the keyring has no key of that version. The error is
	// an *UnknownVersionError.
	ErrUnknownVersion error = &rule{"unknown_version", "there is no key of this version"}
	// ErrAuthentication says that the key does not fit or that the value was changed. The
	// two cannot be distinguished, and the error says nothing else.
	ErrAuthentication error = &rule{"authentication", "the value does not open: it is under another key, or it was changed"}
	// ErrEmptyPlaintext says that there is nothing to seal. OCMT stores NULL instead.
	ErrEmptyPlaintext error = &rule{"empty_plaintext", "an empty value is stored as NULL, not encrypted"}
	// ErrReopen says that a new ciphertext did not open to the plaintext that it was
	// made from. It must not be stored. The machine cannot be trusted.
	ErrReopen error = &rule{"reopen", "the new ciphertext does not open to the value that it was made from"}
)

// The rules of keys.
var (
	// ErrKeyText says that the text is not a key.
	ErrKeyText error = &rule{"key_text", "a key is exactly 64 hexadecimal characters"}
	// ErrUnsupported says that this process may not use 16-byte IVs, as under FIPS 140-only.
	ErrUnsupported error = &rule{"unsupported", "this process runs in FIPS 140-only mode, in which the 16-byte IVs of OCMT's values are not approved"}
	// ErrDuplicateKey says that two versions hold one key. The error is a
	// *DuplicateKeyError.
	ErrDuplicateKey error = &rule{"duplicate_key", "two versions hold the same key"}
)

// Reason returns the short stable word of the rule that err wraps, such as "tag_length",
// for reports that machines read. It returns "" for nil, and "other" for an error that
// wraps no rule of this package.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	if broken, ok := errors.AsType[*rule](err); ok {
		return broken.reason
	}
	return "other"
}

// UnknownVersionError says which key version is missing from a keyring. It
// wraps ErrUnknownVersion.
type UnknownVersionError struct {
	Version int
}

// Error names the version.
func (e *UnknownVersionError) Error() string {
	return "there is no key of version " + strconv.Itoa(e.Version)
}

// Unwrap returns ErrUnknownVersion.
func (e *UnknownVersionError) Unwrap() error { return ErrUnknownVersion }

// DuplicateKeyError says which two versions hold one key, the lower first. It
// wraps ErrDuplicateKey.
type DuplicateKeyError struct {
	A, B int
}

// Error names the two versions.
func (e *DuplicateKeyError) Error() string {
	return "versions " + strconv.Itoa(e.A) + " and " + strconv.Itoa(e.B) + " hold the same key"
}

// Unwrap returns ErrDuplicateKey.
func (e *DuplicateKeyError) Unwrap() error { return ErrDuplicateKey }
