package databasepassword

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// The form of a verifier as PostgreSQL keeps it in pg_authid (PostgreSQL documentation, section 53.8):
// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, all but the iterations in Base64.
const (
	scheme = "SCRAM-SHA-256"
	// DefaultIterations is what PostgreSQL takes where it has no setting scram_iterations, which is before
	// version 16. It is the least that RFC 7677 allows.
	DefaultIterations = 4096
	// maxIterations bounds how long a verifier that others have written keeps the processor.
	maxIterations = 10_000_000
	saltBytes     = 16 // as PostgreSQL makes it
)

// ErrNotASCII says that a password has characters beyond ASCII. What PostgreSQL makes of them depends on rules
// for their form (SASLprep, RFC 4013). ASCII stays as it is.
var ErrNotASCII = errors.New("it has characters beyond ASCII")

// ErrNoVerifier says that a text is no SCRAM verifier.
var ErrNoVerifier = errors.New("it is no SCRAM-SHA-256 verifier")

// MakeVerifier returns what PostgreSQL keeps of a password, for a role and a number of iterations.
//
// The salt is made from the password and the role, by HMAC. So a run that goes on after a crash makes the same
// verifier again, and PgBouncer, which logs in with the verifier, has the same one as PostgreSQL. Nobody can tell
// the salt from a random one who does not have the password, and a random password has salts of its own.
// The error is ErrNotASCII.
func MakeVerifier(password secret.Value, role string, iterations int) (secret.Value, error) {
	mac := hmac.New(sha256.New, []byte(password.Reveal()))
	mac.Write([]byte("ocmt salt of the role " + role))
	return makeVerifier(password, mac.Sum(nil)[:saltBytes], iterations)
}

// makeVerifier computes a verifier (RFC 5802, section 3).
func makeVerifier(password secret.Value, salt []byte, iterations int) (secret.Value, error) {
	for _, c := range []byte(password.Reveal()) {
		if c >= 0x80 {
			return secret.Value{}, ErrNotASCII
		}
	}
	salted, err := pbkdf2.Key(sha256.New, password.Reveal(), salt, iterations, sha256.Size)
	if err != nil {
		return secret.Value{}, fmt.Errorf("making a verifier: %w", err)
	}
	defer clear(salted)
	storedKey := sha256.Sum256(sign(salted, "Client Key"))
	encode := base64.StdEncoding.EncodeToString
	return secret.NewValue(fmt.Sprintf("%s$%d:%s$%s:%s", scheme, iterations, encode(salt), encode(storedKey[:]), encode(sign(salted, "Server Key")))), nil
}

func sign(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// IsVerifier reports whether a text, such as an entry of userlist.txt, is a SCRAM verifier.
func IsVerifier(text secret.Value) bool {
	_, _, err := parseVerifier(text)
	return err == nil
}

// Verifies reports whether a verifier is of a password. The error is ErrNoVerifier or ErrNotASCII.
func Verifies(verifier, password secret.Value) (bool, error) {
	salt, iterations, err := parseVerifier(verifier)
	if err != nil {
		return false, err
	}
	made, err := makeVerifier(password, salt, iterations)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare([]byte(made.Reveal()), []byte(verifier.Reveal())) == 1, nil
}

// parseVerifier returns salt and iterations of a verifier.
func parseVerifier(verifier secret.Value) (salt []byte, iterations int, err error) {
	parts := strings.Split(verifier.Reveal(), "$")
	if len(parts) != 3 || parts[0] != scheme {
		return nil, 0, ErrNoVerifier
	}
	count, encoded, _ := strings.Cut(parts[1], ":")
	iterations, err = strconv.Atoi(count)
	if err != nil || iterations < 1 || iterations > maxIterations {
		return nil, 0, ErrNoVerifier
	}
	stored, server, _ := strings.Cut(parts[2], ":")
	decode := base64.StdEncoding.Strict().DecodeString
	salt, err = decode(encoded)
	if err != nil || len(salt) == 0 {
		return nil, 0, ErrNoVerifier
	}
	for _, key := range []string{stored, server} {
		if raw, err := decode(key); err != nil || len(raw) != sha256.Size {
			return nil, 0, ErrNoVerifier
		}
	}
	return salt, iterations, nil
}
