package crypto

import (
	"bytes"
	"fmt"
	"math"
)

// Parse divides the text of an encrypted value into its parts. It checks the form only and
// uses no key, so a value that parses may still not open. The error wraps
// ErrNotCiphertext, ErrVersionLabel, ErrEncoding, ErrIVLength, ErrTagLength or
// ErrEmptyBody, and contains no part of the text.
func Parse(text string) (Ciphertext, error) {
	var p parser
	return p.parse([]byte(text))
}

// parser parses texts into one buffer, which it uses again for the next text.
type parser struct {
	decoded []byte
}

// parse does what Parse does. The slices of the result are valid until the next call.
// It neither keeps nor changes text.
func (p *parser) parse(text []byte) (Ciphertext, error) {
	if c, ok := p.parseCanonical(text); ok {
		return c, nil
	}
	parts, count := split(text)
	versioned := len(text) > 0 && text[0] == 'v'
	switch {
	case versioned && count == 4:
		return p.parseVersioned(parts)
	case !versioned && count == 3:
		return p.parseLegacy(parts)
	default:
		return Ciphertext{}, ErrNotCiphertext
	}
}

// split divides text at its colons. It returns the first four parts, and how many parts
// there are.
func split(text []byte) (parts [4][]byte, count int) {
	for {
		end := bytes.IndexByte(text, ':')
		part := text
		if end >= 0 {
			part = text[:end]
		}
		if count < len(parts) {
			parts[count] = part
		}
		count++
		if end < 0 {
			return parts, count
		}
		text = text[end+1:]
	}
}

func (p *parser) parseVersioned(parts [4][]byte) (Ciphertext, error) {
	version, plainLabel, err := parseVersion(parts[0][1:])
	if err != nil {
		return Ciphertext{}, err
	}
	body, newline := trimNewline(parts[3])
	parts[3] = body
	c := Ciphertext{Format: Versioned, Version: version, Normalised: !plainLabel || newline}
	return p.parseParts(c, parts[1:], decodeBase64)
}

func (p *parser) parseLegacy(parts [4][]byte) (Ciphertext, error) {
	// Plaintext with two colons is far likelier than a ciphertext whose first part is
	// damaged. Both are refused, and "not valid hexadecimal" is true of both.
	return p.parseParts(Ciphertext{Format: Legacy}, parts[:3], decodeHex)
}

// decoder appends what part encodes to dst, and reports whether part is the canonical
// spelling.
type decoder func(dst, part []byte) (decoded []byte, canonical bool, err error)

// parseParts fills in IV, tag and body of c.
func (p *parser) parseParts(c Ciphertext, parts [][]byte, decode decoder) (Ciphertext, error) {
	names := [3]string{"IV", "tag", "encrypted part"}
	var ends [3]int
	p.decoded = p.decoded[:0]
	for i, part := range parts {
		decoded, canonical, err := decode(p.decoded, part)
		if err != nil {
			return Ciphertext{}, fmt.Errorf("reading the %s: %w", names[i], err)
		}
		p.decoded, ends[i] = decoded, len(decoded)
		c.Normalised = c.Normalised || !canonical
	}
	c.IV = p.decoded[:ends[0]:ends[0]]
	c.Tag = p.decoded[ends[0]:ends[1]:ends[1]]
	c.Body = p.decoded[ends[1]:ends[2]:ends[2]]
	if err := c.check(); err != nil {
		return Ciphertext{}, err
	}
	c.Normalised = c.Normalised || len(c.IV) != IVSize
	return c, nil
}

// parseVersion reads a key version, which has decimal digits only and fits in 32 bits with
// the sign. plain is false if there are leading zeros.
func parseVersion(digits []byte) (version int, plain bool, err error) {
	if len(digits) == 0 {
		return 0, false, ErrVersionLabel
	}
	var number int64
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			return 0, false, ErrVersionLabel
		}
		number = number*10 + int64(digit-'0')
		if number > math.MaxInt32 {
			return 0, false, ErrVersionLabel
		}
	}
	return int(number), len(digits) == 1 || digits[0] != '0', nil
}

// trimNewline cuts off one line end (\n or \r\n), which an editor or echo adds.
func trimNewline(part []byte) (trimmed []byte, found bool) {
	trimmed, found = bytes.CutSuffix(part, []byte("\n"))
	if found {
		trimmed, _ = bytes.CutSuffix(trimmed, []byte("\r"))
	}
	return trimmed, found
}
