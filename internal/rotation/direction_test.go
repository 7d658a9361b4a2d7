package rotation_test

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/internal/rotation"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// If this fails, values go under a key that the servers do not have, or an operator is
// kept from a way that is meant.
func TestDirection(t *testing.T) {
	t.Parallel()
	version := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		direction rotation.Direction
		code      finding.Code // "" where the direction is allowed
	}{
		"forward":                    {rotation.Direction{From: version(0), To: 1, Configured: 1}, ""},
		"forward from every older":   {rotation.Direction{To: 1, Configured: 1}, ""},
		"ahead of the servers":       {rotation.Direction{From: version(0), To: 2, Configured: 1, AllowDowngrade: true}, finding.NewerVersion},
		"nowhere":                    {rotation.Direction{From: version(1), To: 1, Configured: 1, AllowDowngrade: true}, finding.SameVersion},
		"behind the servers":         {rotation.Direction{To: 0, Configured: 1}, finding.Downgrade},
		"backwards":                  {rotation.Direction{From: version(2), To: 1, Configured: 1}, finding.Downgrade},
		"behind the servers, meant":  {rotation.Direction{To: 0, Configured: 1, AllowDowngrade: true}, ""},
		"backwards, and it is meant": {rotation.Direction{From: version(2), To: 1, Configured: 1, AllowDowngrade: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.direction.Check()
			var refused *rotation.RefusedError
			switch {
			case c.code == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.code != "" && (!errors.As(err, &refused) || refused.Finding.Code != c.code || refused.Finding.Fix == ""):
				t.Errorf("%v is not a refusal with the code %s and advice", err, c.code)
			}
		})
	}
}

// If this fails, a run seals every value under a key that its operator did not mean.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	key, err := crypto.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := crypto.NewKeyring(1, map[int]crypto.Key{1: key})
	if err != nil {
		t.Fatal(err)
	}
	for _, expected := range []string{"", key.Fingerprint(), strings.ToUpper(key.Fingerprint())} {
		if err := rotation.CheckFingerprint(expected, ring); err != nil {
			t.Errorf("%q: %v", expected, err)
		}
	}
	var refused *rotation.RefusedError
	if err := rotation.CheckFingerprint("0000000000000000", ring); !errors.As(err, &refused) || refused.Finding.Code != finding.OtherKey {
		t.Errorf("another key: %v", err)
	}
}
