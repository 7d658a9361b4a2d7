package redissession

import (
	"encoding/json"
	"testing"
)

// If this fails, a vault is taken for that of another user, because the quick way to read a value and
// the thorough one differ.
func FuzzReadVault(f *testing.F) {
	for _, text := range []string{
		`{"userId":"u","unlockedAt":17,"expiresAt":18,"vaultKey":{"type":"Buffer"`, `{"userId":"u","unlockedAt":17,"expiresAt":18,"userId":"v","vaultKey":1}`,
		`{"userId":"u\"","unlockedAt":17,"expiresAt":18,"vaultKey":1}`, `{"userId":"","unlockedAt":-1,"expiresAt":18,"vaultKey":null}`, tombstone, marked("ab"), "null", "{}", "[1]",
		`{"expiresAt":1,"userId":7,"createdAt":1e3}`, `{"userId":"a","unlockedAt":1,"expiresAt":2,"vaultKey":3}`, `{"userId":"a","unlockedAt":01,"expiresAt":+2,"vaultKey":3}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		quick, ok := readUsual(text)
		if !ok || !json.Valid([]byte(text)) {
			return
		}
		if thorough := readAny(text); thorough.User != quick.User {
			t.Errorf("of %q the user is %q and %q", text, quick.User, thorough.User)
		}
	})
}
