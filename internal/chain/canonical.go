package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrNumber says that a number has no one spelling: it is no whole number, or too large to be
// exact in every reader of JSON.
var ErrNumber = errors.New("a number of an entry must be whole and below 2^53")

// maxNumber is the largest whole number that every reader of JSON keeps exact (RFC 8785, section
// 3.2.2.3; RFC 7493, section 2.2).
const maxNumber = 1<<53 - 1

// Canonical returns a value as canonical JSON: sorted names, no spaces, one spelling of each text.
// It takes what encoding/json takes. The error is ErrNumber, or that of encoding/json.
func Canonical(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("encoding the details of an entry: %w", err)
	}
	return canonicalise(string(text))
}

// canonicalise returns a JSON text in its canonical spelling.
func canonicalise(text string) (string, error) {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return "", fmt.Errorf("reading JSON: %w", err)
	}
	if decoder.More() || decoder.InputOffset() != int64(len(text)) {
		return "", errors.New("reading JSON: something stands behind the value")
	}
	var out bytes.Buffer
	if err := writeValue(&out, value); err != nil {
		return "", err
	}
	return out.String(), nil
}

// writeValue writes a value that encoding/json has decoded.
func writeValue(out *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(value))
	case string:
		writeText(out, value)
	case json.Number:
		number, err := strconv.ParseInt(value.String(), 10, 64)
		if err != nil || number > maxNumber || number < -maxNumber {
			return ErrNumber
		}
		out.WriteString(strconv.FormatInt(number, 10))
	case []any:
		return writeList(out, value)
	case map[string]any:
		return writeObject(out, value)
	default:
		return fmt.Errorf("encoding the details of an entry: a %T has no canonical form", value)
	}
	return nil
}

func writeList(out *bytes.Buffer, list []any) error {
	out.WriteByte('[')
	for i, item := range list {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := writeValue(out, item); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	return nil
}

// writeObject writes the members in the order of their names as UTF-16 (RFC 8785, section 3.2.3).
func writeObject(out *bytes.Buffer, object map[string]any) error {
	names := slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	})
	out.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			out.WriteByte(',')
		}
		writeText(out, name)
		out.WriteByte(':')
		if err := writeValue(out, object[name]); err != nil {
			return err
		}
	}
	out.WriteByte('}')
	return nil
}

// shortEscapes are the escapes of RFC 8785, section 3.2.2.2.
var shortEscapes = map[rune]string{'\b': `\b`, '\t': `\t`, '\n': `\n`, '\f': `\f`, '\r': `\r`, '"': `\"`, '\\': `\\`}

// writeText writes a text. What is no UTF-8 becomes the replacement character.
func writeText(out *bytes.Buffer, text string) {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, string(utf8.RuneError))
	}
	out.WriteByte('"')
	for _, r := range text {
		switch escape, short := shortEscapes[r]; {
		case short:
			out.WriteString(escape)
		case r < ' ':
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
