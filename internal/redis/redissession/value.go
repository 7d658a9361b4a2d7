package redissession

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ocmt/ocmt/internal/session"
)

// idOf returns what stands for a key.
func idOf(key string) (id session.ID) {
	sum := sha256.Sum256([]byte(key))
	copy(id[:], sum[:])
	return id
}

// readVault reads what is needed of a value, or of its beginning. Fields are read leniently: only the
// user is always there (contract, section 4).
func readVault(text string) session.Vault {
	if vault, ok := readUsual(text); ok {
		return vault
	}
	return readAny(text)
}

// readAny reads JSON of any form.
func readAny(text string) (vault session.Vault) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return vault
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return vault
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return vault
		}
		switch name {
		case "userId":
			vault.User = textOf(value)
		case "unlockedAt", "createdAt":
			if number, ok := value.(json.Number); ok {
				created, _ := number.Float64()
				vault.Created = max(vault.Created, int64(created))
			}
		}
	}
	return vault
}

// readUsual reads the form that the server writes when a vault is unlocked, in a small part of the time
// of a JSON decoder. Of any other text ok is false.
func readUsual(text string) (vault session.Vault, ok bool) {
	rest, begins := strings.CutPrefix(text, `{"userId":"`)
	user, rest, ends := strings.Cut(rest, `","unlockedAt":`)
	unlocked, rest, hasExpiry := strings.Cut(rest, `,"expiresAt":`)
	expires, _, hasKey := strings.Cut(rest, `,"vaultKey":`)
	created, err := strconv.ParseInt(unlocked, 10, 64)
	_, noNumber := strconv.ParseInt(expires, 10, 64)
	if !begins || !ends || !hasExpiry || !hasKey || err != nil || noNumber != nil || strings.Contains(user, `"`) {
		return vault, false
	}
	// Of a field that is there twice, JSON takes the last.
	if strings.LastIndex(text, `"userId"`) != 1 || strings.Contains(text, `\`) || strings.Contains(text, `"createdAt"`) || !utf8.ValidString(user) {
		return vault, false
	}
	return session.Vault{User: user, Created: created}, true
}

// textOf returns a text, or a number as a text.
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
}
