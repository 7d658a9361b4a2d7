package gitaudit

import (
	"strings"

	"github.com/ocmt/ocmt/internal/audit"
	"github.com/ocmt/ocmt/internal/leak"
	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// valuesOf returns the settings of an example that are secrets. A line that is commented out counts: the
// secret in it is as readable.
func valuesOf(text string) []audit.ExampleValue {
	var list []audit.ExampleValue
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#"))
		name, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		name, value = strings.TrimSpace(name), unquote(value)
		if found && value != "" && isSecret(name, value) {
			list = append(list, audit.NewExampleValue(name, value))
		}
	}
	return list
}

// unquote takes off quotes, or a comment behind a value without them.
func unquote(value string) string {
	value = strings.TrimSpace(value)
	if len(value) > 0 && strings.ContainsRune(`"'`, rune(value[0])) {
		value, _, _ = strings.Cut(value[1:], value[:1])
		return value
	}
	value, _, _ = strings.Cut(value, " #")
	return strings.TrimSpace(value)
}

// isSecret reports whether a setting with a value has a secret (contract, section 2).
func isSecret(name, value string) bool {
	if strings.HasPrefix(name, secret.NameEncryptionKey) {
		return name != secret.NameEncryptionKeyVersion
	}
	for _, setting := range ocmt.Settings() {
		if setting.Name == name {
			return !setting.Path && (!setting.Address || len(leak.Passwords(value)) > 0)
		}
	}
	return false
}
