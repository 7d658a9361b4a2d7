package crypto_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// vectors contain values that the OCMT server itself made, and what the server did with
// unusual values.
type vectors struct {
	Keys map[string]string `json:"keys"`
	Good []goodVector      `json:"good"`
	Odd  []oddVector       `json:"odd"`
}

type goodVector struct {
	Name       string `json:"name"`
	KeyVersion int    `json:"key_version"`
	Format     string `json:"format"`
	Ciphertext string `json:"ciphertext"`
	Plaintext  string `json:"plaintext_utf8"`
}

type oddVector struct {
	Name           string `json:"name"`
	Ciphertext     string `json:"ciphertext"`
	CurrentVersion int    `json:"current_version"`
	KeyVersions    []int  `json:"key_versions"`
	Server         string `json:"server"`
	Plaintext      string `json:"plaintext_utf8"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("../../testdata/vectors/encryption.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Good) == 0 || len(v.Odd) == 0 {
		t.Fatal("the vectors file is empty")
	}
	return v
}

// keyring returns a keyring of the vectors' keys of the given versions, or of all.
func (v vectors) keyring(t testing.TB, current int, versions ...int) *crypto.Keyring {
	t.Helper()
	keys := make(map[int]crypto.Key)
	for text, hex := range v.Keys {
		version, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		if keys[version], err = crypto.ParseKey(hex); err != nil {
			t.Fatal(err)
		}
	}
	ring, err := crypto.NewKeyring(current, keys)
	if err != nil {
		t.Fatal(err)
	}
	if len(versions) == 0 {
		return ring
	}
	narrow, err := ring.Only(versions...)
	if err != nil {
		t.Fatal(err)
	}
	return narrow
}

// If a good vector failed, values that the server wrote could not be rotated,
// or would be lost in the rotation: each must open, print back to the same
// text, and open under the current key alone once it was resealed.
func TestGoodVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ring := v.keyring(t, 3)
	onlyNew := v.keyring(t, 3, 3)
	for _, vector := range v.Good {
		t.Run(vector.Name, func(t *testing.T) {
			t.Parallel()
			c, err := crypto.Parse(vector.Ciphertext)
			if err != nil {
				t.Fatal(err)
			}
			if c.Format.String() != vector.Format || c.Version != vector.KeyVersion || c.Normalised {
				t.Errorf("parsed as %s version %d, normalised %t", c.Format, c.Version, c.Normalised)
			}
			if c.String() != vector.Ciphertext {
				t.Error("does not print back to the same text")
			}
			plaintext, err := ring.Open(c)
			if err != nil {
				t.Fatal(err)
			}
			if string(plaintext) != vector.Plaintext {
				t.Error("opens to another plaintext")
			}
			resealed, err := ring.Reseal(c, rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			wantOpens(t, onlyNew, resealed.String(), vector.Plaintext)
			text, err := crypto.NewResealer(ring, rand.Reader).Reseal(nil, c)
			if err != nil {
				t.Fatal(err)
			}
			wantOpens(t, onlyNew, string(text), vector.Plaintext)
		})
	}
}

// wantOpens checks that text is canonical, under the ring's current version,
// and opens to plaintext.
func wantOpens(t *testing.T, ring *crypto.Keyring, text, plaintext string) {
	t.Helper()
	c, err := crypto.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if c.Format != crypto.Versioned || c.Version != ring.Current() || c.Normalised || len(c.IV) != crypto.IVSize {
		t.Errorf("sealed as %s version %d, normalised %t, IV of %d bytes", c.Format, c.Version, c.Normalised, len(c.IV))
	}
	opened, err := ring.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if string(opened) != plaintext {
		t.Error("opens to another plaintext")
	}
}

// oddRule is what the package does with one odd vector. It refuses the vector with an error,
// in parsing or in opening, or it accepts the vector and may normalise it.
type oddRule struct {
	parse      error
	open       error
	normalised bool
	sameText   bool // accepted, and the canonical text is the text itself
}

// oddRules has the rule for each odd vector by its name. The vector named
// "base64url alphabet" happens to have no digit that differs between the two
// alphabets; TestLenientSpellings has one that does.
var oddRules = map[string]oddRule{
	"flipped iv bit":                              {open: crypto.ErrAuthentication},
	"flipped tag bit":                             {open: crypto.ErrAuthentication},
	"flipped ciphertext bit":                      {open: crypto.ErrAuthentication},
	"wrong version label":                         {open: crypto.ErrAuthentication},
	"missing key version":                         {open: crypto.ErrUnknownVersion},
	"version above current":                       {open: crypto.ErrUnknownVersion},
	"truncated ciphertext":                        {open: crypto.ErrAuthentication},
	"three parts with v":                          {parse: crypto.ErrNotCiphertext},
	"five parts":                                  {parse: crypto.ErrNotCiphertext},
	"empty ciphertext part":                       {parse: crypto.ErrEmptyBody},
	"two parts legacy":                            {parse: crypto.ErrNotCiphertext},
	"plain hex token (no colon)":                  {parse: crypto.ErrNotCiphertext},
	"leading zero version":                        {normalised: true},
	"trailing letters in version":                 {parse: crypto.ErrVersionLabel},
	"no version number":                           {parse: crypto.ErrVersionLabel},
	"negative version":                            {parse: crypto.ErrVersionLabel},
	"uppercase V":                                 {parse: crypto.ErrNotCiphertext},
	"base64 without padding":                      {normalised: true},
	"base64url alphabet":                          {sameText: true},
	"whitespace around":                           {parse: crypto.ErrNotCiphertext},
	"newline at the end":                          {normalised: true},
	"tag of 12 bytes":                             {parse: crypto.ErrTagLength},
	"tag of 4 bytes":                              {parse: crypto.ErrTagLength},
	"iv of 12 bytes":                              {normalised: true, sameText: true},
	"legacy uppercase hex":                        {normalised: true},
	"legacy odd hex length":                       {parse: crypto.ErrEncoding},
	"legacy non-hex tail":                         {parse: crypto.ErrEncoding},
	"legacy base64 (as documented, not as coded)": {parse: crypto.ErrEncoding},
}

// If an odd value were treated by accident instead of by rule, a damaged secret
// could be written over, or a sound one left behind when its key is retired.
func TestOddVectors(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	for _, vector := range v.Odd {
		t.Run(vector.Name, func(t *testing.T) {
			t.Parallel()
			rule, stated := oddRules[vector.Name]
			if !stated {
				t.Fatal("this vector has no stated rule")
			}
			ring := v.keyring(t, vector.CurrentVersion, vector.KeyVersions...)
			c, err := crypto.Parse(vector.Ciphertext)
			if !errors.Is(err, rule.parse) {
				t.Fatalf("Parse: %v, want %v", err, rule.parse)
			}
			if rule.parse != nil {
				return
			}
			plaintext, err := ring.Open(c)
			if !errors.Is(err, rule.open) {
				t.Fatalf("Open: %v, want %v", err, rule.open)
			}
			if rule.open != nil {
				return
			}
			if vector.Server != "decrypts" {
				t.Fatal("accepted, although the server refuses it")
			}
			if string(plaintext) != vector.Plaintext {
				t.Error("opens to another plaintext than on the server")
			}
			if c.Normalised != rule.normalised || (c.String() == vector.Ciphertext) != rule.sameText {
				t.Errorf("normalised %t, same text %t", c.Normalised, c.String() == vector.Ciphertext)
			}
		})
	}
	if len(oddRules) != len(v.Odd) {
		t.Errorf("%d rules for %d odd vectors", len(oddRules), len(v.Odd))
	}
}

// If the Resealer read a text differently from Parse, verification and
// rotation would disagree about the same value.
func TestResealerAgreesWithParseAndOpen(t *testing.T) {
	t.Parallel()
	v := readVectors(t)
	ring := v.keyring(t, 12, 0, 1, 2, 12)
	resealer := crypto.NewResealer(ring, rand.Reader)
	texts := []string{}
	for _, vector := range v.Good {
		texts = append(texts, vector.Ciphertext)
	}
	for _, vector := range v.Odd {
		texts = append(texts, vector.Ciphertext)
	}
	for _, text := range texts {
		want, wantErr := crypto.Parse(text)
		got, gotErr := resealer.Parse([]byte(text))
		if diff := cmp.Diff(want, got); diff != "" || crypto.Reason(wantErr) != crypto.Reason(gotErr) {
			t.Errorf("Parse differs: %v, %v; %s", wantErr, gotErr, diff)
		}
		if wantErr != nil {
			continue
		}
		wantPlain, wantErr := ring.Open(want)
		gotPlain, gotErr := resealer.Open(got)
		if !bytes.Equal(wantPlain, gotPlain) || crypto.Reason(wantErr) != crypto.Reason(gotErr) {
			t.Errorf("Open differs: %v, %v", wantErr, gotErr)
		}
	}
}
