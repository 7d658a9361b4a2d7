package sampledata

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/ocmt/ocmt/pkg/crypto"
)

// defaultLegacyEvery says that one value in four is in the legacy form, as OCMT wrote values
// before they named their key version.
const defaultLegacyEvery = 4

// sealer seals plaintexts as the servers of an older deployment did. It keeps the first error,
// so that the code that makes a row need not check each value.
type sealer struct {
	ring        *crypto.Keyring
	legacyEvery int // one value in legacyEvery is in the legacy form; 0 for none
	sealed      int
	legacy      int
	err         error
}

// seal returns a ciphertext under the keyring's current version. If that is 0, some are in the
// legacy form.
func (s *sealer) seal(plaintext string) string {
	c, err := s.ring.Seal([]byte(plaintext), rand.Reader)
	if err != nil {
		if s.err == nil {
			s.err = fmt.Errorf("sealing a sample value: %w", err)
		}
		return ""
	}
	s.sealed++
	if s.legacyEvery > 0 && c.Version == 0 && s.sealed%s.legacyEvery == 0 {
		s.legacy++
		c.Format = crypto.Legacy
	}
	return c.String()
}

// token returns a prefix and random bytes in Base64, as providers make tokens.
func token(prefix string, bytes int) string {
	return prefix + base64.RawURLEncoding.EncodeToString(randomBytes(bytes))
}

// hexToken returns random bytes in hexadecimal.
func hexToken(bytes int) string { return hex.EncodeToString(randomBytes(bytes)) }

func randomBytes(bytes int) []byte {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // it never fails; crypto/rand ends the program instead
	return b
}
