package crypto_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// newKey makes a fresh random key.
func newKey(t testing.TB) crypto.Key {
	t.Helper()
	key, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newKeyring makes a keyring of fresh random keys.
func newKeyring(t testing.TB, current int, versions ...int) *crypto.Keyring {
	t.Helper()
	keys := make(map[int]crypto.Key, len(versions))
	for _, version := range versions {
		keys[version] = newKey(t)
	}
	ring, err := crypto.NewKeyring(current, keys)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// sealUnder seals plaintext under a version of ring, the current one or not.
func sealUnder(t testing.TB, ring *crypto.Keyring, version int, plaintext []byte) crypto.Ciphertext {
	t.Helper()
	other, err := ring.WithCurrent(version)
	if err != nil {
		t.Fatal(err)
	}
	c, err := other.Seal(plaintext, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// If one key were accepted under two versions, a rotation from one to the other
// would report success and leave every value under the key that leaked.
func TestKeyringRefusesOneKeyTwice(t *testing.T) {
	t.Parallel()
	key, other := newKey(t), newKey(t)
	again, err := crypto.ParseKey(key.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	_, err = crypto.NewKeyring(9, map[int]crypto.Key{9: key, 4: other, 2: again})
	duplicate, ok := errors.AsType[*crypto.DuplicateKeyError](err)
	if !ok || !errors.Is(err, crypto.ErrDuplicateKey) {
		t.Fatalf("%v, want a DuplicateKeyError", err)
	}
	if duplicate.A != 2 || duplicate.B != 9 {
		t.Errorf("names versions %d and %d, want 2 and 9", duplicate.A, duplicate.B)
	}
}

// If a keyring were made that cannot seal, or with a version that no value can name, the
// rotation would fail only at its first value.
func TestKeyringRefuses(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	for _, test := range []struct {
		name    string
		current int
		keys    map[int]crypto.Key
		want    error
	}{
		{"no keys", 0, nil, crypto.ErrUnknownVersion},
		{"current version without a key", 2, map[int]crypto.Key{1: key}, crypto.ErrUnknownVersion},
		{"zero key", 0, map[int]crypto.Key{0: {}}, crypto.ErrKeyText},
		{"negative version", -1, map[int]crypto.Key{-1: key}, crypto.ErrVersionLabel},
		{"version over 32 bits", math.MaxInt32 + 1, map[int]crypto.Key{math.MaxInt32 + 1: key}, crypto.ErrVersionLabel},
	} {
		ring, err := crypto.NewKeyring(test.current, test.keys)
		if ring != nil || !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
	if _, err := crypto.NewKeyring(math.MaxInt32, map[int]crypto.Key{math.MaxInt32: key}); err != nil {
		t.Errorf("highest version: %v", err)
	}
}

// If a narrowed keyring kept a key, or silently had another current version, the proof
// before a key is retired would prove nothing.
func TestKeyringOnly(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 3, 0, 1, 3)
	old := sealUnder(t, ring, 1, []byte("x"))
	narrow, err := ring.Only(3, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := narrow.Versions(); !slices.Equal(got, []int{0, 3}) || narrow.Current() != 3 {
		t.Errorf("versions %v, current %d", got, narrow.Current())
	}
	_, err = narrow.Open(old)
	unknown, ok := errors.AsType[*crypto.UnknownVersionError](err)
	if !ok || unknown.Version != 1 {
		t.Errorf("opening under the version left out: %v", err)
	}
	if _, err := ring.Open(old); err != nil {
		t.Errorf("the keyring itself became narrower: %v", err)
	}
	if _, err := ring.Only(0, 1); err == nil {
		t.Error("narrowed to a keyring without its current version")
	}
	if _, err := ring.Only(3, 7); !errors.Is(err, crypto.ErrUnknownVersion) {
		t.Errorf("narrowed to a version without a key: %v", err)
	}
}

// If WithCurrent changed the keyring that it is called on, a running rotation would begin to
// seal under a key that servers do not have.
func TestKeyringWithCurrent(t *testing.T) {
	t.Parallel()
	ring := newKeyring(t, 0, 0, 1)
	other, err := ring.WithCurrent(1)
	if err != nil {
		t.Fatal(err)
	}
	if ring.Current() != 0 || other.Current() != 1 || !slices.Equal(other.Versions(), []int{0, 1}) {
		t.Errorf("current %d and %d, versions %v", ring.Current(), other.Current(), other.Versions())
	}
	if _, err := ring.WithCurrent(2); !errors.Is(err, crypto.ErrUnknownVersion) {
		t.Errorf("took a current version without a key: %v", err)
	}
	of, ok := ring.Key(1)
	same, _ := other.Key(1)
	if !ok || !of.Equal(same) {
		t.Error("the same version has another key")
	}
	if key, ok := ring.Key(2); ok || !key.IsZero() {
		t.Error("has a key of a version that it was not given")
	}
}

// If goroutines with one keyring disturbed each other, a rotation with several
// workers would write values that open to the plaintext of another row.
func TestKeyringServesManyGoroutines(t *testing.T) {
	t.Parallel()
	const workers, values = 8, 300
	ring := newKeyring(t, 2, 0, 1, 2)
	narrow, err := ring.Only(2)
	if err != nil {
		t.Fatal(err)
	}
	var given [values]crypto.Ciphertext
	for i := range given {
		given[i] = sealUnder(t, ring, i%3, []byte("value "+strconv.Itoa(i)))
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			resealer := crypto.NewResealer(ring, rand.Reader)
			for i, c := range given {
				text, err := resealer.Reseal(nil, c)
				if err != nil {
					t.Errorf("value %d: %v", i, err)
					return
				}
				made, err := crypto.Parse(string(text))
				if err != nil {
					t.Errorf("value %d: %v", i, err)
					return
				}
				plaintext, err := narrow.Open(made)
				if err != nil || !bytes.Equal(plaintext, []byte("value "+strconv.Itoa(i))) {
					t.Errorf("value %d opens to another plaintext, or not: %v", i, err)
				}
			}
		})
	}
	group.Wait()
}
