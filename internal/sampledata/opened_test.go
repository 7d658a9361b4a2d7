package sampledata_test

import (
	"crypto/rand"
	"testing"

	"github.com/ocmt/ocmt/internal/sampledata"
	"github.com/ocmt/ocmt/internal/testenv"
	"github.com/ocmt/ocmt/pkg/crypto"
	"github.com/ocmt/ocmt/testdata"
)

// If this fails, the demo says of values that they open with the new key where they do not.
func TestOpenAll(t *testing.T) {
	t.Parallel()
	server := testenv.Shared(t)
	name, err := server.CreateDatabase(t.Context(), testdata.Schema)
	must(t, err)
	keys := map[int]crypto.Key{}
	for version := range 2 {
		keys[version], err = crypto.GenerateKey(rand.Reader)
		must(t, err)
	}
	old, err := crypto.NewKeyring(0, keys)
	must(t, err)
	address := server.URL("postgres", name)
	filled, err := sampledata.Fill(t.Context(), address, old, 30)
	must(t, err)
	for version, want := range []sampledata.Opened{
		{Opened: filled.Sealed, Plaintext: filled.Plaintext},
		{Unopened: filled.Sealed, Plaintext: filled.Plaintext},
	} {
		current, err := old.WithCurrent(version)
		must(t, err)
		alone, err := current.Only(version)
		must(t, err)
		found, err := sampledata.OpenAll(t.Context(), address, alone)
		must(t, err)
		if found != want {
			t.Errorf("with the key of version %d alone: %+v, want %+v", version, found, want)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
