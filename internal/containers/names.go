package containers

import (
	"strings"

	"github.com/ocmt/ocmt/pkg/secret"
)

// words that are no secrets, although they stand where one is expected.
var noSecrets = []string{"true", "false", "yes", "no", "on", "off", "none", "null", "0", "1"}

// isSecretText reports whether a text can be a secret: of an address, its password is one. What sops has
// encrypted, paths of mounted secrets and switches are none.
func isSecretText(text string) bool {
	if strings.Contains(text, "://") {
		password := secret.AddressPassword(text)
		return password != "" && !strings.Contains(password, unknown) && !strings.HasPrefix(password, "$")
	}
	for _, word := range noSecrets {
		if strings.EqualFold(text, word) {
			return false
		}
	}
	return text != "" && !strings.HasPrefix(text, "ENC[") && !strings.HasPrefix(text, "/run/secrets/") && !strings.HasPrefix(text, "<path:") && !strings.HasPrefix(text, "vault:")
}
