package crypto_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// If a word changed or meant two rules, the scripts that read reports would take a forged
// tag for a wrong key. They read the words of this test.
func TestReason(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		crypto.ErrNotCiphertext:  "not_ciphertext",
		crypto.ErrVersionLabel:   "version_label",
		crypto.ErrEncoding:       "encoding",
		crypto.ErrIVLength:       "iv_length",
		crypto.ErrTagLength:      "tag_length",
		crypto.ErrEmptyBody:      "empty_body",
		crypto.ErrUnknownVersion: "unknown_version",
		crypto.ErrAuthentication: "authentication",
		crypto.ErrEmptyPlaintext: "empty_plaintext",
		crypto.ErrReopen:         "reopen",
		crypto.ErrKeyText:        "key_text",
		crypto.ErrDuplicateKey:   "duplicate_key",

		&crypto.UnknownVersionError{Version: 3}: "unknown_version",
		&crypto.DuplicateKeyError{A: 1, B: 2}:   "duplicate_key",
		// The outermost rule counts, because the cause of a failed proof says nothing of
		// the value itself.
		fmt.Errorf("%w: %w", crypto.ErrReopen, crypto.ErrAuthentication): "reopen",
		errors.New("connection refused"):                                 "other",
		io.EOF:                                                           "other",
	} {
		if got := crypto.Reason(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
		if got := crypto.Reason(fmt.Errorf("table secrets: %w", err)); got != want {
			t.Errorf("%v, wrapped: %s, want %s", err, got, want)
		}
	}
	if got := crypto.Reason(nil); got != "" {
		t.Errorf("no error: %s", got)
	}
}

// piecesOf returns all parts of text that are six characters long.
func piecesOf(text string) []string {
	var pieces []string
	for i := 0; i+6 <= len(text); i++ {
		pieces = append(pieces, text[i:i+6])
	}
	return pieces
}

// If an error repeated a part of a value, a plaintext or a key, an operator could not show
// the report of a failed run to others.
func TestErrorsTellNothing(t *testing.T) {
	t.Parallel()
	secrets, failures := causeErrors(t)
	texts := make(map[string]bool)
	for _, err := range failures {
		texts[err.Error()] = true
		texts[fmt.Sprintf("%+v", err)] = true
	}
	for _, secret := range secrets {
		for _, piece := range piecesOf(secret) {
			for text := range texts {
				if strings.Contains(text, piece) {
					t.Fatalf("an error of the rule %q repeats what it is about", text[strings.LastIndex(text, ":")+1:])
				}
			}
		}
	}
}

// causeErrors returns errors of every function that fails on keys, texts and values, and the
// secrets that these are about.
func causeErrors(t *testing.T) (secrets []string, failures []error) {
	t.Helper()
	v := readVectors(t)
	secrets = []string{keyText, strings.ToUpper(keyText)}
	note := func(err error) {
		if err == nil {
			t.Error("no error where one was expected")
			return
		}
		failures = append(failures, err)
	}

	for _, text := range []string{keyText[1:], keyText + keyText, keyText[:63] + "x", "0x" + keyText, " " + keyText[1:]} {
		_, err := crypto.ParseKey(text)
		note(err)
	}
	key, err := crypto.ParseKey(keyText)
	if err != nil {
		t.Fatal(err)
	}
	_, err = crypto.NewKeyring(0, map[int]crypto.Key{0: key, 1: key})
	note(err)
	_, err = crypto.NewKeyring(1, map[int]crypto.Key{0: key})
	note(err)
	_, err = crypto.NewKeyring(-1, map[int]crypto.Key{-1: key})
	note(err)

	wrong, err := crypto.NewKeyring(0, map[int]crypto.Key{0: key})
	if err != nil {
		t.Fatal(err)
	}
	resealer := crypto.NewResealer(wrong, rand.Reader)
	for _, vector := range v.Good {
		secrets = append(secrets, vector.Ciphertext, vector.Plaintext)
		for _, text := range []string{vector.Ciphertext + "*", vector.Ciphertext + ":" + vector.Ciphertext,
			" " + vector.Ciphertext, vector.Ciphertext[:20], vector.Plaintext} {
			_, err := crypto.Parse(text)
			note(err)
		}
		c, err := crypto.Parse(vector.Ciphertext)
		if err != nil {
			t.Fatal(err)
		}
		_, err = wrong.Open(c)
		note(err)
		_, err = resealer.Reseal(nil, c)
		note(err)
	}
	return secrets, failures
}
