package leak

import (
	"net/url"
	"slices"
	"strings"

	"github.com/ocmt/ocmt/internal/ocmt"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Settings are the settings of a deployment.
type Settings interface {
	// Text returns the text of a setting; "" where it is not set.
	Text(name string) string
	// Names returns the names that are set and begin with a prefix.
	Names(prefix string) []string
}

// Configured returns the secrets of a deployment: its keys, its tokens, and the passwords in its addresses
// (contract, section 2). It leaves out examples of the documents, which stand in every copy of them.
// The values do not print.
func Configured(settings Settings) []Secret {
	var list []Secret
	add := func(name, text string) {
		if text != "" && !secret.IsPlaceholder(text) {
			list = append(list, Secret{Name: name, Value: secret.NewValue(text)})
		}
	}
	keys := settings.Names(secret.NameEncryptionKey)
	slices.Sort(keys)
	for _, name := range keys {
		if name != secret.NameEncryptionKeyVersion {
			add(name, settings.Text(name))
		}
	}
	for _, setting := range ocmt.Settings() {
		switch text := settings.Text(setting.Name); {
		case setting.Path: // the file is the secret, not its path
		case setting.Address:
			for _, password := range Passwords(text) {
				add(setting.Name, password)
			}
		default:
			add(setting.Name, text)
		}
	}
	return list
}

// Passwords returns the passwords of addresses, as they are written and as they are meant. The two
// differ where one is percent-encoded.
func Passwords(addresses string) []string {
	var list []string
	for _, field := range strings.Fields(addresses) {
		written, isKeyword := strings.CutPrefix(field, "password=") // the other form of PostgreSQL's addresses
		if isKeyword {
			list = append(list, strings.Trim(written, "'"))
			continue
		}
		_, rest, _ := strings.Cut(field, "://")
		account, _, there := strings.Cut(rest, "@")
		if _, written, found := strings.Cut(account, ":"); there && found {
			list = append(list, written)
			if meant, err := url.PathUnescape(written); err == nil {
				list = append(list, meant)
			}
		}
	}
	return slices.Compact(list)
}
