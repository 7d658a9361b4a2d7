package secret_test

import (
	"testing"

	"github.com/ocmt/ocmt/pkg/secret"
)

// A key that was typed in the place of a path must not come back in an error; a
// path that is only wrong must, or nobody finds the slip.
func TestResembles(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"":                                 false,
		".env":                             false,
		"/run/secrets/encryption_key":      false,
		"/etc/ocmt/production/keys/v1.key": false,
		"user_integrations":                false,
		"a_rather_long_table_name_of_2024": false,
		"/tmp/TestSecretPrecedence819253177/001/key":                       false,
		"/home/ops/OCMT/keys-of-production":                                false,
		"postgresql://ocmt:pw@db/ocmt":                                     true,
		"REST@127.0.0.1:1/ocmt":                                            true,
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef": true,
		"/tmp/0123456789abcdef0123456789abcdef":                            true,
		"kJ8dQ2mZ0aB7xY5wT3vR1sP9":                                         true,
		"sk-proj-kJ8dQ2mZ0aB7xY5wT3vR":                                     true,
	} {
		if secret.Resembles(text) != want {
			t.Errorf("case of %d characters that begins with %.6s: want %t", len(text), text, want)
		}
	}
}
