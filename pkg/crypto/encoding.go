package crypto

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
)

// decodeBase64 decodes the canonical spelling. It leaves the other spellings that the
// server reads to a slower decoder.
func decodeBase64(dst, part []byte) (decoded []byte, canonical bool, err error) {
	dst = slices.Grow(dst, base64.StdEncoding.DecodedLen(len(part))+wordSize)
	if length, ok := decodeCanonical(dst[len(dst):cap(dst)], part); ok {
		return dst[:len(dst)+length], true, nil
	}
	decoded, err = decodeLooseBase64(dst, part)
	return decoded, false, err
}

// decodeLooseBase64 decodes Base64 in the standard or URL alphabet, padded fully
// or not at all, with any bits behind the last byte. Line ends, other
// characters and half a padding are refused.
func decodeLooseBase64(dst, part []byte) ([]byte, error) {
	digits := part
	if len(part)%4 == 0 {
		digits = bytes.TrimSuffix(part, []byte("="))
		if len(digits) < len(part) {
			digits = bytes.TrimSuffix(digits, []byte("="))
		}
	}
	if bytes.ContainsAny(digits, "\r\n") {
		return nil, ErrEncoding
	}
	standard := bytes.Map(standardDigit, digits)
	decoded, err := base64.RawStdEncoding.AppendDecode(dst, standard)
	if err != nil {
		return nil, ErrEncoding
	}
	return decoded, nil
}

// standardDigit maps the two characters of the URL alphabet (RFC 4648,
// section 5) into those of the standard one.
func standardDigit(digit rune) rune {
	switch digit {
	case '-':
		return '+'
	case '_':
		return '/'
	default:
		return digit
	}
}

// decodeHex decodes an even number of hexadecimal digits in either case. It refuses any
// text behind them.
func decodeHex(dst, part []byte) (decoded []byte, canonical bool, err error) {
	decoded, err = hex.AppendDecode(dst, part)
	if err != nil {
		return nil, false, ErrEncoding
	}
	return decoded, bytes.IndexAny(part, "ABCDEF") < 0, nil
}
