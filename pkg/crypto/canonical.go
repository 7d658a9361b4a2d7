package crypto

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// partLength is how many characters an IV or a tag takes in padded Base64: both
// are of 16 bytes.
const partLength = (IVSize + 2) / 3 * 4

// parseCanonical reads the form that OCMT writes, in which the position of every part
// is known: v{N}:, the IV, the tag and the encrypted part, each in padded
// Base64. For any other text it returns false; the general parser decides
// what that is. A verification spends most of its time on parsing values, and
// nearly all have this form.
func (p *parser) parseCanonical(text []byte) (c Ciphertext, ok bool) {
	version, length, ok := canonicalLabel(text)
	parts := text[length:]
	const tagAt, bodyAt = partLength + 1, 2 * (partLength + 1)
	if !ok || len(parts) <= bodyAt || parts[tagAt-1] != ':' || parts[bodyAt-1] != ':' {
		return Ciphertext{}, false
	}
	p.decoded = slices.Grow(p.decoded[:0], IVSize+TagSize+base64.StdEncoding.DecodedLen(len(parts)-bodyAt)+wordSize)
	whole := p.decoded[:cap(p.decoded)]
	// Decoding goes from left to right, because it writes behind each part, where the next
	// part then goes.
	iv, ivOK := decodeCanonical(whole, parts[:tagAt-1])
	tag, tagOK := decodeCanonical(whole[IVSize:], parts[tagAt:bodyAt-1])
	body, bodyOK := decodeCanonical(whole[IVSize+TagSize:], parts[bodyAt:])
	if !ivOK || !tagOK || !bodyOK || iv != IVSize || tag != TagSize {
		return Ciphertext{}, false
	}
	p.decoded = whole[:IVSize+TagSize+body]
	return Ciphertext{Format: Versioned, Version: version, IV: whole[:IVSize:IVSize],
		Tag: whole[IVSize : IVSize+TagSize : IVSize+TagSize], Body: slices.Clip(p.decoded[IVSize+TagSize:])}, true
}

// canonicalLabel reads v{N}: without zeros in front, and returns its length.
func canonicalLabel(text []byte) (version, length int, ok bool) {
	end := bytes.IndexByte(text, ':')
	if end < 1 || text[0] != 'v' {
		return 0, 0, false
	}
	version, plain, err := parseVersion(text[1:end])
	return version, end + 1, err == nil && plain
}

// digitValues contains the value of a Base64 digit in each of the four positions of a
// group, within 24 bits, and noDigit for all other characters.
var digitValues = func() (values [4][256]uint32) {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for place := range values {
		for char := range values[place] {
			values[place][char] = noDigit
		}
		for worth, digit := range []byte(digits) {
			values[place][digit] = uint32(worth) << (6 * (3 - place))
		}
	}
	return values
}()

// noDigit is above the 24 bits of a group, so that it stays visible when groups are
// combined with OR.
const noDigit = 1 << 31

// wordSize is how many bytes decodeCanonical writes at once.
const wordSize = 8

// decodeCanonical decodes the one canonical spelling of Base64 (RFC 4648,
// section 4: padded, and zero bits behind the last byte) into dst, which must
// have room for wordSize more bytes than come out of it. ok is false for every
// other text, and the contents of dst are then undefined. It takes two groups of four digits at
// a time, in about half the time of encoding/base64 on texts as short as these.
func decodeCanonical(dst, text []byte) (length int, ok bool) {
	if len(text) == 0 || len(text)%4 != 0 {
		return 0, false
	}
	seen := uint32(0)
	for len(text) > 2*4 && len(dst) >= wordSize {
		first, second := group(text), group(text[4:])
		seen |= first | second
		binary.BigEndian.PutUint64(dst, uint64(first)<<40|uint64(second)<<16)
		dst, text, length = dst[2*3:], text[2*4:], length+2*3
	}
	for len(text) > 4 {
		one := group(text)
		seen |= one
		binary.BigEndian.PutUint32(dst, one<<8)
		dst, text, length = dst[3:], text[4:], length+3
	}
	padding := 0
	last := digitValues[0][text[0]] | digitValues[1][text[1]]
	switch {
	case text[3] != '=':
		last |= digitValues[2][text[2]] | digitValues[3][text[3]]
	case text[2] != '=':
		padding, last = 1, last|digitValues[2][text[2]]
	default:
		padding = 2
	}
	seen |= last
	behind := last & (1<<(8*padding) - 1)
	binary.BigEndian.PutUint32(dst, last<<8)
	return length + 3 - padding, seen&noDigit == 0 && behind == 0
}

// group returns the value of the first four digits of a text.
func group(text []byte) uint32 {
	_ = text[3]
	return digitValues[0][text[0]] | digitValues[1][text[1]] | digitValues[2][text[2]] | digitValues[3][text[3]]
}
