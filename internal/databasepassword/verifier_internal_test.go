package databasepassword

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/secret"
)

// If this fails, no client can log in with the new password: the example of RFC 7677, section 3, is a whole
// log-in, of which the server proves itself with ServerKey and checks the client with StoredKey.
func TestVerifierOfRFC7677(t *testing.T) {
	t.Parallel()
	const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	const message = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=" + nonce + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r=" + nonce
	salt := decoded(t, "W22ZaJ0SNY7soEsUEjb6gQ==")
	made, err := makeVerifier(secret.NewValue("pencil"), salt, 4096)
	if err != nil {
		t.Fatal(err)
	}
	head, keys, _ := strings.Cut(strings.TrimPrefix(made.Reveal(), "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ=="), "$")
	stored, server, found := strings.Cut(keys, ":")
	if head != "" || !found {
		t.Fatal("the verifier does not have PostgreSQL's form")
	}
	if signature := base64.StdEncoding.EncodeToString(sign(decoded(t, server), message)); signature != "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Errorf("the server would sign with %s", signature)
	}
	proof, signature := decoded(t, "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), sign(decoded(t, stored), message)
	for i := range proof {
		proof[i] ^= signature[i]
	}
	if key := sha256.Sum256(proof); !hmac.Equal(key[:], decoded(t, stored)) {
		t.Error("the server would refuse the client")
	}
}

func decoded(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
