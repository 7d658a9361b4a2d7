package crypto

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// partLength is the length in characters of an IV or a tag in padded Base64. Both have 16
// bytes.
const partLength = (IVSize + 2) / 3 * 4

// parseCanonical reads the form that OCMT writes: v{N}:, the IV, the tag and the encrypted
// part, each in padded Base64. The position of every part is known. For any other text it
// returns false, and the general parser decides what the text is. A verification spends
// most of its time on parsing values, and nearly all values have this form.
func (p *parser) parseCanonical(text []byte) (c Ciphertext, ok bool) {
	version, length, ok := parseCanonicalLabel(text)
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

// parseCanonicalLabel reads v{N}: without leading zeros. It returns N and the length of the
// label.
func parseCanonicalLabel(text []byte) (version, length int, ok bool) {
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
	for position := range values {
		for char := range values[position] {
			values[position][char] = noDigit
		}
		for value, digit := range []byte(digits) {
			values[position][digit] = uint32(value) << (6 * (3 - position))
		}
	}
	return values
}()

// noDigit is above the 24 bits of a group, so that it stays visible when groups are
// combined with OR.
const noDigit = 1 << 31

// wordSize is how many bytes decodeCanonical writes at once.
const wordSize = 8

// decodeCanonical decodes the one canonical spelling of Base64 (RFC 4648, section 4:
// padded, with zero bits behind the last byte) into dst, which must have room for wordSize
// more bytes than the text encodes. For every other text ok is false, and the contents of
// dst are undefined. It decodes two groups of four digits at a time, and takes about half
// the time of encoding/base64 on texts as short as these.
func decodeCanonical(dst, text []byte) (length int, ok bool) {
	if len(text) == 0 || len(text)%4 != 0 {
		return 0, false
	}
	seen := uint32(0)
	for len(text) > 2*4 && len(dst) >= wordSize {
		first, second := decodeGroup(text), decodeGroup(text[4:])
		seen |= first | second
		binary.BigEndian.PutUint64(dst, uint64(first)<<40|uint64(second)<<16)
		dst, text, length = dst[2*3:], text[2*4:], length+2*3
	}
	for len(text) > 4 {
		one := decodeGroup(text)
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
	trailing := last & (1<<(8*padding) - 1)
	binary.BigEndian.PutUint32(dst, last<<8)
	return length + 3 - padding, seen&noDigit == 0 && trailing == 0
}

// decodeGroup returns the value of the first four digits of a text.
func decodeGroup(text []byte) uint32 {
	_ = text[3]
	return digitValues[0][text[0]] | digitValues[1][text[1]] | digitValues[2][text[2]] | digitValues[3][text[3]]
}
