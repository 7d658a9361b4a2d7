package crypto_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// clone makes a copy that shares no memory with c.
func clone(c crypto.Ciphertext) crypto.Ciphertext {
	c.IV, c.Tag, c.Body = slices.Clone(c.IV), slices.Clone(c.Tag), slices.Clone(c.Body)
	return c
}

// plaintexts returns plaintexts of the lengths at which a block, a buffer or an encoding
// could fail, and of bytes that are no text.
func plaintexts(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{
		"1 byte": []byte("x"), "zero byte": {0}, "zero bytes": make([]byte, 33), "line end": []byte("\n"),
		"UTF-8": []byte("пароль 密码 🔑 é́"), "not UTF-8": {0xff, 0xfe, 0xc0, 0x80},
		"a ciphertext's text": []byte("v1:AAAA:AAAA:AAAA"), "100 bytes": shortSecret,
	}
	for name, length := range map[string]int{"15 bytes": 15, "16 bytes": 16, "17 bytes": 17, "63 bytes": 63,
		"64 bytes": 64, "65 bytes": 65, "4095 bytes": 4095, "4097 bytes": 4097, "1 MiB": 1 << 20} {
		all[name] = make([]byte, length)
		if _, err := io.ReadFull(rand.Reader, all[name]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// wantRoundTrip seals plaintext under version 0, brings it to version 1 through
// its text, and checks that it comes back under that key alone.
func wantRoundTrip(t *testing.T, ring *crypto.Keyring, resealer *crypto.Resealer, plaintext []byte) {
	t.Helper()
	c := sealUnder(t, ring, 0, plaintext)
	legacy := c
	legacy.Format = crypto.Legacy
	only, err := ring.Only(1)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{c.String(), legacy.String()} {
		parsed, err := resealer.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		opened, err := resealer.Open(parsed)
		if err != nil || !bytes.Equal(opened, plaintext) {
			t.Fatalf("opens to another plaintext, or not: %v", err)
		}
		if parsed, err = resealer.Parse([]byte(text)); err != nil {
			t.Fatal(err)
		}
		made, err := resealer.Reseal(nil, parsed)
		if err != nil {
			t.Fatal(err)
		}
		wantOpens(t, only, string(made), string(plaintext))
	}
}

// If a length or a byte did not survive, the secret in that row would be lost
// with the key that is retired.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	for name, plaintext := range plaintexts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantRoundTrip(t, ring, crypto.NewResealer(ring, rand.Reader), plaintext)
		})
	}
}

// If a Resealer mixed the bytes of one value with the next value, a short row after a long
// one would get parts of the secret of the long one.
func TestRoundTripInOneResealer(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	resealer := crypto.NewResealer(ring, rand.Reader)
	for range 3 {
		for _, plaintext := range plaintexts(t) { // in another order each time
			wantRoundTrip(t, ring, resealer, plaintext)
		}
	}
}

// If a changed bit were not detected, an attacker who can write to the database could change
// a secret, and the rotation would seal the changed one as sound.
func TestEveryBitIsCovered(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0)
	v := readVectors(t)
	other := v.keyring(t, 12)
	short, err := crypto.Parse(v.odd(t, "iv of 12 bytes").Ciphertext)
	if err != nil {
		t.Fatal(err)
	}
	legacy := sealUnder(t, ring, 0, shortSecret)
	legacy.Format = crypto.Legacy
	for name, test := range map[string]struct {
		ring *crypto.Keyring
		c    crypto.Ciphertext
	}{
		"1 byte": {ring, sealUnder(t, ring, 0, []byte("x"))}, "100 bytes": {ring, sealUnder(t, ring, 0, shortSecret)},
		"legacy": {ring, legacy}, "IV of 12 bytes": {other, short},
	} {
		if _, err := test.ring.Open(test.c); err != nil {
			t.Fatalf("%s: does not open unchanged: %v", name, err)
		}
		resealer := crypto.NewResealer(test.ring, rand.Reader)
		for part := range 3 {
			for bit := range 8 * len(parts(test.c)[part]) {
				wantRefused(t, test.ring, resealer, flipBit(test.c, part, bit))
			}
		}
	}
}

func parts(c crypto.Ciphertext) [3][]byte { return [3][]byte{c.IV, c.Tag, c.Body} }

// flipBit returns a copy of c with one bit of its IV (0), tag (1) or body (2) changed.
func flipBit(c crypto.Ciphertext, part, bit int) crypto.Ciphertext {
	c = clone(c)
	parts(c)[part][bit/8] ^= 1 << (bit % 8)
	return c
}

// wantRefused checks that every way of opening c fails with ErrAuthentication and returns
// no text.
func wantRefused(t *testing.T, ring *crypto.Keyring, resealer *crypto.Resealer, c crypto.Ciphertext) {
	t.Helper()
	plaintext, err := ring.Open(c)
	if plaintext != nil || !errors.Is(err, crypto.ErrAuthentication) {
		t.Fatalf("Keyring.Open: %v, want ErrAuthentication", err)
	}
	plaintext, err = resealer.Open(c)
	if plaintext != nil || !errors.Is(err, crypto.ErrAuthentication) {
		t.Fatalf("Resealer.Open: %v, want ErrAuthentication", err)
	}
	text, err := resealer.Reseal(nil, c)
	if text != nil || !errors.Is(err, crypto.ErrAuthentication) {
		t.Fatalf("Resealer.Reseal: %v, want ErrAuthentication", err)
	}
	made, err := ring.Reseal(c, rand.Reader)
	if made.Body != nil || !errors.Is(err, crypto.ErrAuthentication) {
		t.Fatalf("Keyring.Reseal: %v, want ErrAuthentication", err)
	}
}

// odd returns the odd vector of a name.
func (v vectors) odd(t testing.TB, name string) oddVector {
	t.Helper()
	for _, vector := range v.Odd {
		if vector.Name == name {
			return vector
		}
	}
	t.Fatalf("there is no vector %s", name)
	return oddVector{}
}

// If a value opened under the key of another version, a relabelled value would
// be sealed as sound under a key that it was never meant for.
func TestWrongKey(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0, 1)
	c := sealUnder(t, ring, 0, shortSecret)
	c.Version = 1
	wantRefused(t, ring, crypto.NewResealer(ring, rand.Reader), c)
}

// If a Ciphertext that does not come from Parse escaped its rules, an attacker could forge a
// value with a short tag, and a wrong length would cause a panic.
func TestOpenChecksWhatParseChecks(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0, 1)
	sound := sealUnder(t, ring, 0, shortSecret)
	resealer := crypto.NewResealer(ring, rand.Reader)
	for name, test := range map[string]struct {
		change func(*crypto.Ciphertext)
		want   error
	}{
		"zero":                       {func(c *crypto.Ciphertext) { *c = crypto.Ciphertext{} }, crypto.ErrNotCiphertext},
		"no format":                  {func(c *crypto.Ciphertext) { c.Format = 0 }, crypto.ErrNotCiphertext},
		"another format":             {func(c *crypto.Ciphertext) { c.Format = 3 }, crypto.ErrNotCiphertext},
		"negative version":           {func(c *crypto.Ciphertext) { c.Version = -1 }, crypto.ErrVersionLabel},
		"legacy under version 1":     {func(c *crypto.Ciphertext) { c.Format, c.Version = crypto.Legacy, 1 }, crypto.ErrVersionLabel},
		"version without a key":      {func(c *crypto.Ciphertext) { c.Version = 2 }, crypto.ErrUnknownVersion},
		"no IV":                      {func(c *crypto.Ciphertext) { c.IV = nil }, crypto.ErrIVLength},
		"IV of 13 bytes":             {func(c *crypto.Ciphertext) { c.IV = c.IV[:13] }, crypto.ErrIVLength},
		"no tag":                     {func(c *crypto.Ciphertext) { c.Tag = nil }, crypto.ErrTagLength},
		"right tag cut to 4 bytes":   {func(c *crypto.Ciphertext) { c.Tag = c.Tag[:4] }, crypto.ErrTagLength},
		"right tag cut to 12 bytes":  {func(c *crypto.Ciphertext) { c.Tag = c.Tag[:12] }, crypto.ErrTagLength},
		"tag that borrows from body": {func(c *crypto.Ciphertext) { c.Tag = append(c.Tag, 0) }, crypto.ErrTagLength},
		"no body":                    {func(c *crypto.Ciphertext) { c.Body = nil }, crypto.ErrEmptyBody},
		"right IV cut to 12 bytes":   {func(c *crypto.Ciphertext) { c.IV = c.IV[:12] }, crypto.ErrAuthentication},
		"body cut":                   {func(c *crypto.Ciphertext) { c.Body = c.Body[:99] }, crypto.ErrAuthentication},
		"body extended":              {func(c *crypto.Ciphertext) { c.Body = append(c.Body, 0) }, crypto.ErrAuthentication},
	} {
		c := clone(sound)
		test.change(&c)
		if _, err := ring.Open(c); !errors.Is(err, test.want) {
			t.Errorf("%s: Keyring.Open: %v, want %v", name, err, test.want)
		}
		if text, err := resealer.Reseal(nil, c); text != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: Resealer.Reseal: %v, want %v", name, err, test.want)
		}
	}
}

// If an empty value were sealed, the server would find a ciphertext where it
// expects NULL.
func TestSealRefusesEmpty(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0)
	for _, plaintext := range [][]byte{nil, {}} {
		if _, err := ring.Seal(plaintext, rand.Reader); !errors.Is(err, crypto.ErrEmptyPlaintext) {
			t.Errorf("%v, want ErrEmptyPlaintext", err)
		}
	}
}

// If a value were sealed with an IV that is not wholly random, two values could
// share one, and both could be read and forged without the key.
func TestSealReadsAWholeIV(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0)
	for name, random := range map[string]io.Reader{
		"failing": iotest.ErrReader(errors.New("no entropy")), "15 bytes": io.LimitReader(rand.Reader, crypto.IVSize-1),
	} {
		if c, err := ring.Seal(shortSecret, random); err == nil || c.Body != nil {
			t.Errorf("%s: sealed all the same", name)
		}
	}
	iv := []byte("an IV of 16 byte")
	c, err := ring.Seal(shortSecret, iotest.OneByteReader(bytes.NewReader(iv)))
	if err != nil || !bytes.Equal(c.IV, iv) {
		t.Errorf("the IV is not what the source gave: %v", err)
	}
}

// FuzzOpen: any secret opens unchanged, and does not open after one bit of its value was
// changed.
func FuzzOpen(f *testing.F) {
	f.Add([]byte("x"), uint32(0))
	f.Add([]byte("пароль 密码 🔑 é́"), uint32(129))
	f.Add([]byte{0}, uint32(1<<31))
	f.Add(shortSecret, uint32(300))
	f.Add([]byte{}, uint32(1))
	ring := newKeyring(f, 1, 0, 1)
	resealer := crypto.NewResealer(ring, rand.Reader)
	f.Fuzz(func(t *testing.T, plaintext []byte, bit uint32) {
		if len(plaintext) == 0 {
			if _, err := ring.Seal(plaintext, rand.Reader); !errors.Is(err, crypto.ErrEmptyPlaintext) {
				t.Fatalf("%v, want ErrEmptyPlaintext", err)
			}
			return
		}
		wantRoundTrip(t, ring, resealer, plaintext)
		c := sealUnder(t, ring, 0, plaintext)
		part := int(bit % 3)
		wantRefused(t, ring, resealer, flipBit(c, part, int(bit/3)%(8*len(parts(c)[part]))))
	})
}
