package crypto_test

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// shortSecret is as long as most of what OCMT keeps: an API key or a token.
var shortSecret = bytes.Repeat([]byte("0123456789"), 10)

// BenchmarkReseal100 is one value of a rotation: its text is read, opened,
// sealed anew and proven. The budget is 2 µs on one core.
func BenchmarkReseal100(b *testing.B) {
	resealer, text := shortValue(b)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		c, err := resealer.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if out, err = resealer.Reseal(out[:0], c); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen100 measures one value of a verification, which opens it and writes nothing.
func BenchmarkOpen100(b *testing.B) {
	resealer, text := shortValue(b)
	b.ReportAllocs()
	for b.Loop() {
		c, err := resealer.Parse(text)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := resealer.Open(c); err != nil {
			b.Fatal(err)
		}
	}
}

// maxAllocations is the most allocations that one value may cost a Resealer.
const maxAllocations = 0

// If a value cost allocations, a table of millions would keep the garbage collector busy,
// and copies of plaintext would stay in memory until the next collection. The test is not
// parallel, because AllocsPerRun counts the allocations of every goroutine.
func TestResealAllocations(t *testing.T) {
	resealer, text := shortValue(t)
	out := make([]byte, 0, 2*len(text))
	reseal := func() {
		c, err := resealer.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resealer.Reseal(out, c); err != nil {
			t.Fatal(err)
		}
	}
	open := func() {
		c, err := resealer.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := resealer.Open(c); err != nil {
			t.Fatal(err)
		}
	}
	// There are more runs than IVs in one block, so that reading the next block is counted.
	if got := testing.AllocsPerRun(600, reseal); got > maxAllocations {
		t.Errorf("%v allocations for each value resealed, at most %d allowed", got, maxAllocations)
	}
	if got := testing.AllocsPerRun(600, open); got > maxAllocations {
		t.Errorf("%v allocations for each value opened, at most %d allowed", got, maxAllocations)
	}
}

// shortValue returns a Resealer, and the text of a value of 100 bytes under a
// version that is not the current one.
func shortValue(t testing.TB) (*crypto.Resealer, []byte) {
	t.Helper()
	ring := newKeyring(t, 1, 0, 1)
	return crypto.NewResealer(ring, rand.Reader), []byte(sealUnder(t, ring, 0, shortSecret).String())
}
