package rowkey_test

import (
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/rowkey"
)

// If this fails, a token stands in a terminal, in a record or in a pipeline's log as the name of its row; or an operator
// cannot tell which row is meant although its name opens nothing.
func TestKeysThatCouldBeSecretsAreHidden(t *testing.T) {
	t.Parallel()
	const random = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
	for _, c := range []struct {
		column, key string
		hidden      bool
	}{
		{"id", "7", false}, {"id", "9007199254740993", false}, {"key", "OPENAI_API_KEY", false}, {"key", "ünï cödé", false},
		{"id", "123e4567-e89b-12d3-a456-426614174000", false}, {"user_id", "123e4567-e89b-12d3-a456-426614174000", false},
		{"token_id", "7", false}, {"key", "provider/openai.key", false}, {"keyword", "x", false}, {"secretary", "ann", false}, {"", "7", false},
		{"token", "7", true}, {"token", "123e4567-e89b-12d3-a456-426614174000", true}, {"access_token", "short", true}, {"accessToken", "short", true},
		{"token_hash", "x", true}, {"key_hash", "x", true}, {"session_id", "1", true}, {"sid", "1", true}, {"SessionToken", "x", true}, {"email", "ann", true},
		{"TOKEN", "x", true}, {"api_key", "x", true}, {"client_secret", "x", true},
		{"id", random, true}, {"id", random[:32], true}, {"name", "ann@example.org", true}, {"id", "aB3xY7pQ9zK2mN5vT8wL", true},
		{"id", "opw_live_0123456789abcdef0123456789abcdef", true}, {"id", strings.Repeat("ä", 51), true},
	} {
		shown := rowkey.Show(c.column, c.key)
		if got := shown != c.key; got != c.hidden || len(c.key) > rowkey.Digits && got && strings.Contains(shown, c.key) {
			t.Errorf("column %q, key %q: shown as %q", c.column, c.key, shown)
		}
	}
	if got, want := rowkey.ShowAll([]string{"id", "token"}, []string{"7", "abc"}), "7, sha256:ba7816bf8f01cfea"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// If this fails, an operator cannot name a row by what was shown of its key.
func TestDigestsAreReadBack(t *testing.T) {
	t.Parallel()
	if digits, is := rowkey.ParseDigest(rowkey.Digest("abc")); !is || digits != "ba7816bf8f01cfea" {
		t.Errorf("%q, %v", digits, is)
	}
	for _, text := range []string{"", "sha256:", "sha256:ba7816bf8f01cfe", "sha256:ba7816bf8f01cfeaa", "sha256:BA7816BF8F01CFEA", "sha256:ba7816bf8f01cfe'", "ba7816bf8f01cfea", "sha512:ba7816bf8f01cfea"} {
		if _, is := rowkey.ParseDigest(text); is {
			t.Errorf("%q is taken for a digest", text)
		}
	}
}
