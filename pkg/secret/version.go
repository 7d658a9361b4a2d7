package secret

import (
	"errors"
	"strconv"
)

// ErrVersion says that a key version is not written as a plain whole number.
var ErrVersion = errors.New("a key version is a plain whole number such as 0 or 1")

// ParseVersion reads a key version in its only spelling: digits without a sign or leading
// zeros, at most 32 bits. The server takes 1abc for 1, but a tool must not guess what was
// meant. The error is ErrVersion.
func ParseVersion(text string) (int, error) {
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != text {
		return 0, ErrVersion
	}
	return int(number), nil
}

// plainVersion reads a key version, and reports whether the text is one.
func plainVersion(text string) (version int, plain bool) {
	version, err := ParseVersion(text)
	return version, err == nil
}

// currentVersion reads the version of the current key, which is 0 where it is not set.
func currentVersion(text string) (version int, plain bool) {
	if text == "" {
		return 0, true
	}
	return plainVersion(text)
}
