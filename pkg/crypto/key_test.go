package crypto_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// keyText is a key of no deployment. Its digits are in no error of this package.
const keyText = "c1d92e7fb3580a64ee17c39f0b6d84f25a3c9e71d8064bf2937ae5c01d6f8b42"

// If a text that is no key were accepted, or cut to one, values would be sealed
// under a key that no server has.
func TestParseKeyRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":                    "",
		"one digit":                "c",
		"one digit short":          keyText[1:],
		"one byte short":           keyText[2:],
		"one digit long":           keyText + "a",
		"one byte long":            keyText + "ab",
		"twice":                    keyText + keyText,
		"line end behind":          keyText + "\n",
		"line end for a digit":     keyText[1:] + "\n",
		"space in front":           " " + keyText,
		"space for a digit":        " " + keyText[1:],
		"quotes around":            `"` + keyText + `"`,
		"quotes for digits":        `"` + keyText[2:] + `"`,
		"0x in front":              "0x" + keyText[2:],
		"letter behind f":          keyText[:63] + "g",
		"zero byte":                keyText[:63] + "\x00",
		"64 characters, not bytes": strings.Repeat("é", 64),
		"64 bytes, not characters": strings.Repeat("é", 32),
		"Base64 of 48 bytes":       strings.Repeat("Zm9v", 16),
	} {
		key, err := crypto.ParseKey(text)
		if !errors.Is(err, crypto.ErrKeyText) || !key.IsZero() {
			t.Errorf("%s: %v, want ErrKeyText", name, err)
		}
	}
}

// If a key in uppercase were another key, or none, the values of a deployment
// that keeps it so could not be opened. The server opens them.
func TestParseKeyTakesEitherCase(t *testing.T) {
	t.Parallel()
	lower, err := crypto.ParseKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	upper, err := crypto.ParseKey(strings.ToUpper(keyText))
	if err != nil {
		t.Fatal(err)
	}
	if !lower.Equal(upper) || lower.Fingerprint() != upper.Fingerprint() {
		t.Error("uppercase gives another key")
	}
	if lower.Reveal() != keyText || upper.Reveal() != keyText {
		t.Error("does not reveal the text in lowercase")
	}
}

// If keys that differ in one bit were taken for one, a rotation to the other
// would be refused or, worse, skipped.
func TestKeyEqual(t *testing.T) {
	t.Parallel()
	key, err := crypto.ParseKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"d" + keyText[1:], keyText[:63] + "3", keyText[:31] + "3" + keyText[32:]} {
		other, err := crypto.ParseKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if key.Equal(other) || key.Fingerprint() == other.Fingerprint() {
			t.Error("two keys are taken for one")
		}
	}
	var zero crypto.Key
	if key.Equal(zero) || zero.Equal(key) || !zero.Equal(crypto.Key{}) {
		t.Error("a zero key equals another one, or not itself")
	}
	if !zero.IsZero() || zero.Fingerprint() != "" || zero.Reveal() != "" {
		t.Error("a zero key holds something")
	}
}

// If fingerprints changed between releases, the record of an earlier rotation
// would name a key that an operator cannot find again.
func TestFingerprintIsStable(t *testing.T) {
	t.Parallel()
	key, err := crypto.ParseKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	// printf 'ocmt encryption key fingerprint v1\0' and the key's 32 bytes | sha256sum | cut -c1-16
	if got := key.Fingerprint(); got != "3bf5acf8c9db3189" {
		t.Errorf("fingerprint %s", got)
	}
}

// If a source that gives too little made a key, part of the key would be zeros
// that everybody can guess.
func TestGenerateKey(t *testing.T) {
	t.Parallel()
	for name, random := range map[string]io.Reader{
		"failing":   iotest.ErrReader(errors.New("no entropy")),
		"empty":     bytes.NewReader(nil),
		"31 bytes":  io.LimitReader(rand.Reader, crypto.KeySize-1),
		"all zeros": bytes.NewReader(make([]byte, crypto.KeySize)),
	} {
		key, err := crypto.GenerateKey(random)
		if err == nil || !key.IsZero() {
			t.Errorf("%s: made a key", name)
		}
	}
	source := bytes.Repeat([]byte("0123456789abcdef"), 2)
	key, err := crypto.GenerateKey(iotest.OneByteReader(bytes.NewReader(source)))
	if err != nil {
		t.Fatal(err)
	}
	if key.Reveal() != strings.Repeat("30313233343536373839616263646566", 2) {
		t.Error("is not made of the 32 bytes that the source gave")
	}
	if newKey(t).Equal(newKey(t)) {
		t.Error("made one key twice")
	}
}
