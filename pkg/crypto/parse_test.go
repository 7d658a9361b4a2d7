package crypto_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// The samples are parts of a value that no key opens. The IV in Base64 has both digits that
// differ in the URL alphabet, and each part has padding.
var (
	sampleIV   = append([]byte{0xfb, 0xff, 0xbe}, bytes.Repeat([]byte{0x5a}, 13)...)
	sampleTag  = bytes.Repeat([]byte{0xc3}, 16)
	sampleBody = []byte("\xd0\x01\x02\x03")
)

func base64Of(part []byte) string { return base64.StdEncoding.EncodeToString(part) }

func versioned(label, iv, tag, body string) string {
	return label + ":" + iv + ":" + tag + ":" + body
}

// If a spelling that the server opens were read as another value, or as one that OCMT
// wrote, a row could be changed into something else or counted wrongly.
func TestLenientSpellings(t *testing.T) {
	t.Parallel()
	iv, tag, body := base64Of(sampleIV), base64Of(sampleTag), base64Of(sampleBody)
	hexIV, hexTag, hexBody := hex.EncodeToString(sampleIV), hex.EncodeToString(sampleTag), hex.EncodeToString(sampleBody)
	canonical := versioned("v1", iv, tag, body)
	legacy := hexIV + ":" + hexTag + ":" + hexBody
	noPadding := func(part string) string { return strings.TrimRight(part, "=") }
	inURL := strings.NewReplacer("+", "-", "/", "_").Replace
	lastBits := func(part string) string { return strings.Replace(part, "w==", "x==", 1) }
	if inURL(iv) == iv || lastBits(tag) == tag || noPadding(body) == body {
		t.Fatal("the sample does not show the difference")
	}
	for name, test := range map[string]struct{ text, want string }{
		"zero in front of the version":  {versioned("v01", iv, tag, body), canonical},
		"zeros in front of the version": {versioned("v"+strings.Repeat("0", 40)+"1", iv, tag, body), canonical},
		"two zeros":                     {versioned("v00", iv, tag, body), versioned("v0", iv, tag, body)},
		"no padding":                    {versioned("v1", noPadding(iv), noPadding(tag), noPadding(body)), canonical},
		"no padding in one part":        {versioned("v1", iv, tag, noPadding(body)), canonical},
		"URL alphabet":                  {versioned("v1", inURL(iv), inURL(tag), inURL(body)), canonical},
		"URL alphabet, no padding":      {versioned("v1", inURL(noPadding(iv)), tag, body), canonical},
		"bits behind the last byte":     {versioned("v1", iv, lastBits(tag), body), canonical},
		"the same without padding":      {versioned("v1", iv, noPadding(lastBits(tag)), body), canonical},
		"line feed behind":              {canonical + "\n", canonical},
		"line end of Windows behind":    {canonical + "\r\n", canonical},
		"uppercase legacy":              {strings.ToUpper(legacy), legacy},
		"one uppercase legacy digit":    {hexIV + ":" + hexTag + ":" + "D" + hexBody[1:], legacy},
		"IV of 12 bytes": {versioned("v1", base64Of(sampleIV[:12]), tag, body),
			versioned("v1", base64Of(sampleIV[:12]), tag, body)},
		"legacy IV of 12 bytes": {hexIV[:24] + ":" + hexTag + ":" + hexBody, hexIV[:24] + ":" + hexTag + ":" + hexBody},
	} {
		c, err := crypto.Parse(test.text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !c.Normalised || c.String() != test.want {
			t.Errorf("%s: normalised %t, the right canonical text %t", name, c.Normalised, c.String() == test.want)
		}
	}
	for name, text := range map[string]string{"versioned": canonical, "legacy": legacy,
		"version 0": versioned("v0", iv, tag, body), "highest version": versioned("v2147483647", iv, tag, body)} {
		if c, err := crypto.Parse(text); err != nil || c.Normalised || c.String() != text {
			t.Errorf("%s: not taken as canonical: %v", name, err)
		}
	}
}

// If a text of uncertain meaning were accepted, a guess at its meaning would be sealed under
// the new key, and the evidence would be written over.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	iv, tag, body := base64Of(sampleIV), base64Of(sampleTag), base64Of(sampleBody)
	hexIV, hexTag, hexBody := hex.EncodeToString(sampleIV), hex.EncodeToString(sampleTag), hex.EncodeToString(sampleBody)
	canonical := versioned("v1", iv, tag, body)
	legacy := hexIV + ":" + hexTag + ":" + hexBody
	for want, texts := range map[error]map[string]string{
		crypto.ErrNotCiphertext: {
			"empty": "", "one part": "token", "two parts": "a:b", "v alone": "v", "colons": "::::",
			"three parts with v": versioned("v1", iv, tag, body)[:len(canonical)-len(body)-1],
			"five parts":         canonical + ":", "four legacy parts": legacy + ":" + hexBody,
			"uppercase V": "V" + canonical[1:], "space in front": " " + canonical, "quote in front": `"` + canonical,
			"line end in front": "\n" + canonical, "byte order mark": "\ufeff" + canonical,
		},
		crypto.ErrVersionLabel: {
			"no version": versioned("v", iv, tag, body), "negative": versioned("v-1", iv, tag, body),
			"plus": versioned("v+1", iv, tag, body), "letters behind": versioned("v1abc", iv, tag, body),
			"fraction": versioned("v1.0", iv, tag, body), "exponent": versioned("v1e3", iv, tag, body),
			"hexadecimal": versioned("v0x1", iv, tag, body), "underscore": versioned("v1_0", iv, tag, body),
			"space behind": versioned("v1 ", iv, tag, body), "space before": versioned("v 1", iv, tag, body),
			"other digits": versioned("v١", iv, tag, body), "two letters": versioned("vv1", iv, tag, body),
			"over 32 bits": versioned("v2147483648", iv, tag, body), "wraps to 1": versioned("v4294967297", iv, tag, body),
			"over 64 bits, wraps to 1": versioned("v18446744073709551617", iv, tag, body),
		},
		crypto.ErrEncoding: {
			"half a padding": versioned("v1", iv, tag, body[:len(body)-1]), "too much padding": versioned("v1", iv, tag, body+"="),
			"padding alone": versioned("v1", iv, tag, "===="), "padding inside": versioned("v1", iv, tag, body+body),
			"padding in front": versioned("v1", iv, tag, "=="+body), "one digit": versioned("v1", iv, tag, "A"),
			"space inside": versioned("v1", iv, tag, "AAA AAAA"), "space behind": canonical + " ",
			"line end inside": versioned("v1", iv, tag, "AAA\nA"), "two line ends behind": canonical + "\n\n",
			"line end behind the IV": versioned("v1", iv+"\n", tag, body), "carriage return behind": canonical + "\r",
			"four line ends": canonical + "\n\n\n\n", "junk": versioned("v1", iv, tag, "AA*A"), "not UTF-8": versioned("v1", iv, tag, "AA\xffA"),
			"zero byte behind": canonical + "\x00", "another alphabet": versioned("v1", iv, tag, "AA.A"),
			"odd number of digits": legacy + "a", "odd IV": "a" + legacy, "junk behind": legacy + "zz", "line end behind legacy": legacy + "\n",
			"junk in the tag": hexIV + ":" + hexTag[1:] + "g:" + hexBody, "space before legacy": " " + legacy,
			"legacy in Base64": iv + ":" + tag + ":" + body, "V without version": versioned("V", iv, tag, "")[:len(iv)+len(tag)+3],
		},
		crypto.ErrIVLength: {
			"no IV": versioned("v1", "", tag, body), "11 bytes": versioned("v1", base64Of(sampleIV[:11]), tag, body),
			"13 bytes": versioned("v1", base64Of(sampleIV[:13]), tag, body), "15 bytes": versioned("v1", base64Of(sampleIV[:15]), tag, body),
			"17 bytes": versioned("v1", base64Of(append(sampleIV[:16:16], 1)), tag, body),
			"8 bytes":  hexIV[:16] + ":" + hexTag + ":" + hexBody, "no legacy IV": ":" + hexTag + ":" + hexBody,
		},
		crypto.ErrTagLength: {
			"no tag": versioned("v1", iv, "", body), "1 byte": versioned("v1", iv, base64Of(sampleTag[:1]), body),
			"4 bytes": versioned("v1", iv, base64Of(sampleTag[:4]), body), "8 bytes": versioned("v1", iv, base64Of(sampleTag[:8]), body),
			"12 bytes": versioned("v1", iv, base64Of(sampleTag[:12]), body), "15 bytes": versioned("v1", iv, base64Of(sampleTag[:15]), body),
			"17 bytes":       versioned("v1", iv, base64Of(append(sampleTag[:16:16], 1)), body),
			"legacy 4 bytes": hexIV + ":" + hexTag[:8] + ":" + hexBody,
		},
		crypto.ErrEmptyBody: {
			"versioned": versioned("v1", iv, tag, ""), "legacy": hexIV + ":" + hexTag + ":", "a line end alone": versioned("v1", iv, tag, "\n"),
		},
	} {
		for name, text := range texts {
			if c, err := crypto.Parse(text); !errors.Is(err, want) || !cmp.Equal(c, crypto.Ciphertext{}) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
		}
	}
}

// If Append wrote over the text that it extends, two values that are built in one buffer
// would become one.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	for _, format := range []crypto.Format{crypto.Legacy, crypto.Versioned} {
		c := crypto.Ciphertext{Format: format, IV: sampleIV, Tag: sampleTag, Body: sampleBody}
		if got := string(c.Append([]byte("before,"))); got != "before,"+c.String() {
			t.Errorf("%s: not the text before and the canonical text", format)
		}
	}
}

// parseErrors returns all the texts that an error of Parse can have. None contains a part of
// the input, which would then be in a report.
func parseErrors() map[string]bool {
	texts := make(map[string]bool)
	for _, rule := range []error{crypto.ErrNotCiphertext, crypto.ErrVersionLabel, crypto.ErrEncoding,
		crypto.ErrIVLength, crypto.ErrTagLength, crypto.ErrEmptyBody} {
		texts[rule.Error()] = true
	}
	for _, part := range []string{"IV", "tag", "encrypted part"} {
		texts["reading the "+part+": "+crypto.ErrEncoding.Error()] = true
	}
	return texts
}

// FuzzParse: whatever a column contains, a rotation does not panic, does not show the text,
// and does not change its meaning by printing it.
func FuzzParse(f *testing.F) {
	v := readVectors(f)
	for _, vector := range v.Good {
		if len(vector.Ciphertext) < 500 {
			f.Add(vector.Ciphertext)
		}
	}
	for _, vector := range v.Odd {
		f.Add(vector.Ciphertext)
	}
	for _, text := range []string{"", "v", ":", "v:::", "::", "v0:A:A:A", "v1:AA\n==:=:====", "v\xff:::", "v1::::"} {
		f.Add(text)
	}
	errorTexts := parseErrors()
	// All inputs share one Resealer, so that each meets what the input before left in the
	// buffers.
	resealer := crypto.NewResealer(newKeyring(f, 0, 0), rand.Reader)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := crypto.Parse(text)
		given := []byte(text)
		same, sameErr := resealer.Parse(given)
		if !cmp.Equal(c, same) || crypto.Reason(err) != crypto.Reason(sameErr) {
			t.Fatalf("the Resealer reads it differently: %v, %v", err, sameErr)
		}
		if string(given) != text {
			t.Fatal("the Resealer changed the text")
		}
		if err != nil {
			if !errorTexts[err.Error()] || !cmp.Equal(c, crypto.Ciphertext{}) {
				t.Fatal("an error of no known text, or a value beside an error")
			}
			return
		}
		wantSound(t, c)
		wantPrintsTheSame(t, c, text)
	})
}

// wantPrintsTheSame checks that the text that c prints means what the parsed text means.
func wantPrintsTheSame(t *testing.T, c crypto.Ciphertext, parsed string) {
	t.Helper()
	printed := c.String()
	if !c.Normalised && printed != parsed {
		t.Fatal("prints as another text and does not say so")
	}
	again, err := crypto.Parse(printed)
	if err != nil {
		t.Fatalf("what it prints does not parse: %v", err)
	}
	if again.Normalised != (len(c.IV) != crypto.IVSize) || again.String() != printed {
		t.Fatal("what it prints is not canonical")
	}
	again.Normalised = c.Normalised
	if !cmp.Equal(c, again) {
		t.Fatal("what it prints means something else")
	}
}

// wantSound checks what Parse promises of every value that it returns.
func wantSound(t *testing.T, c crypto.Ciphertext) {
	t.Helper()
	if c.Format != crypto.Versioned && (c.Format != crypto.Legacy || c.Version != 0) || c.Version < 0 {
		t.Errorf("%s, version %d", c.Format, c.Version)
	}
	if len(c.IV) != crypto.IVSize && (len(c.IV) != 12 || !c.Normalised) {
		t.Errorf("IV of %d bytes, normalised %t", len(c.IV), c.Normalised)
	}
	if len(c.Tag) != crypto.TagSize || len(c.Body) == 0 {
		t.Errorf("tag of %d bytes, body of %d", len(c.Tag), len(c.Body))
	}
}
