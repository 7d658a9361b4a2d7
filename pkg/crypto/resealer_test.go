package crypto_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// If Reseal returned a text although no fresh IV was available, a value would be written
// under an IV that was used before, or under a part of one.
func TestResealWithoutRandomness(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	c := sealUnder(t, ring, 0, shortSecret)
	noEntropy := errors.New("no entropy")
	for name, test := range map[string]struct {
		random io.Reader
		want   error
	}{
		"failing":          {iotest.ErrReader(noEntropy), noEntropy},
		"empty":            {bytes.NewReader(nil), io.EOF},
		"15 bytes":         {io.LimitReader(rand.Reader, crypto.IVSize-1), io.ErrUnexpectedEOF},
		"fails in between": {io.MultiReader(io.LimitReader(rand.Reader, 15), iotest.ErrReader(noEntropy)), noEntropy},
	} {
		resealer := crypto.NewResealer(ring, test.random)
		for range 2 { // the second call must fail too
			text, err := resealer.Reseal([]byte("before"), c)
			if string(text) != "before" {
				t.Errorf("%s: a text came back", name)
			}
			if !errors.Is(err, test.want) && !errors.Is(err, io.EOF) || crypto.Reason(err) != "other" {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		}
		if plaintext, err := resealer.Open(c); err != nil || !bytes.Equal(plaintext, shortSecret) {
			t.Errorf("%s: no longer opens: %v", name, err)
		}
	}
}

// failsOnce returns random bytes, except that its first Read fills a part and fails.
type failsOnce struct{ failed bool }

func (r *failsOnce) Read(p []byte) (int, error) {
	if r.failed {
		return rand.Read(p)
	}
	r.failed = true
	return len(p) / 2, errors.New("no entropy yet")
}

// If a Resealer used the bytes of a failed read, IVs would be zeros or would be used twice.
func TestResealAfterFailedRead(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	c := sealUnder(t, ring, 0, shortSecret)
	resealer := crypto.NewResealer(ring, &failsOnce{})
	if text, err := resealer.Reseal(nil, c); err == nil || text != nil {
		t.Error("a text came back from the failed read")
	}
	wantFreshIVs(t, resealer, c, 600)
}

// If an IV were used twice under a key, each of the two values could be read with the help of
// the other, and any value could be forged.
func TestResealTakesEachIVOnce(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	c := sealUnder(t, ring, 0, shortSecret)
	for _, random := range []io.Reader{rand.Reader, iotest.HalfReader(rand.Reader), iotest.OneByteReader(rand.Reader)} {
		wantFreshIVs(t, crypto.NewResealer(ring, random), c, 600)
	}
}

// wantFreshIVs reseals c many times and checks that no half of an IV occurs twice, because
// a source that is read at the wrong offset repeats halves.
func wantFreshIVs(t *testing.T, resealer *crypto.Resealer, c crypto.Ciphertext, times int) {
	t.Helper()
	seen := map[string]bool{string(make([]byte, crypto.IVSize/2)): true}
	for range times {
		text, err := resealer.Reseal(nil, c)
		if err != nil {
			t.Fatal(err)
		}
		made, err := crypto.Parse(string(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, half := range [][]byte{made.IV[:crypto.IVSize/2], made.IV[crypto.IVSize/2:]} {
			if seen[string(half)] {
				t.Fatal("an IV, or half of one, came twice or is zero")
			}
			seen[string(half)] = true
		}
	}
}

// If Reseal returned a text beside an error, the caller could write it over a value that did
// not open.
func TestResealLeavesTheTextOnError(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	resealer := crypto.NewResealer(ring, rand.Reader)
	sound := sealUnder(t, ring, 0, shortSecret)
	unknown := clone(sound)
	unknown.Version = 7
	for _, c := range []crypto.Ciphertext{{}, unknown, flipBit(sound, 2, 5)} {
		dst := append(make([]byte, 0, 1000), "before"...)
		text, err := resealer.Reseal(dst, c)
		if err == nil || string(text) != "before" || !bytes.Equal(text[6:1000], make([]byte, 994)) {
			t.Errorf("%v: something was written", err)
		}
	}
	text, err := resealer.Reseal([]byte("before"), sound)
	if err != nil {
		t.Fatal(err)
	}
	only, err := ring.Only(1)
	if err != nil {
		t.Fatal(err)
	}
	after, kept := bytes.CutPrefix(text, []byte("before"))
	if !kept {
		t.Error("the text before was written over")
	}
	wantOpens(t, only, string(after), string(shortSecret))
}

// If Reseal left a value as it is that is already under the current version, a key that
// leaked together with one old text would still open the row of that text.
func TestResealMakesANewText(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0)
	c := sealUnder(t, ring, 0, shortSecret)
	text, err := crypto.NewResealer(ring, rand.Reader).Reseal(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) == c.String() {
		t.Error("the text is the old one")
	}
	wantOpens(t, ring, string(text), string(shortSecret))
}

// If plaintext stayed in a Resealer's buffer, a memory dump of a long run would
// hold the secrets of rows that are long done.
func TestResealerWipesWhatItOpened(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 1, 0, 1)
	c := sealUnder(t, ring, 0, shortSecret)
	short := sealUnder(t, ring, 0, []byte("x"))
	broken := flipBit(c, 1, 0)
	for name, next := range map[string]func(*crypto.Resealer){
		"Parse":          func(r *crypto.Resealer) { r.Parse([]byte("x")) },
		"Open":           func(r *crypto.Resealer) { r.Open(short) },
		"Open, failing":  func(r *crypto.Resealer) { r.Open(broken) },
		"Reseal":         func(r *crypto.Resealer) { r.Reseal(nil, short) },
		"Reseal failing": func(r *crypto.Resealer) { r.Reseal(nil, crypto.Ciphertext{}) },
	} {
		resealer := crypto.NewResealer(ring, rand.Reader)
		plaintext, err := resealer.Open(c)
		if err != nil {
			t.Fatal(err)
		}
		kept := bytes.Clone(plaintext)
		next(resealer)
		if bytes.Contains(plaintext, kept[len(kept)-8:]) {
			t.Errorf("%s: the plaintext before is still there", name)
		}
	}
}
