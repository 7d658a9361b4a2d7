package ocmt

import (
	"regexp"
	"slices"
	"strings"
)

// variableName matches the names of variables of an environment as OCMT has them.
var variableName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// secretEnds end the names of settings that are secrets.
var secretEnds = []string{"_PASSWORD", "_PASSWD", "_PASS", "_PWD", "_PW", "_SECRET", "_TOKEN", "_API_KEY", "_PRIVATE_KEY", "_SECRET_KEY", "_ENCRYPTION_KEY", "_SIGNING_KEY", "_ACCESS_KEY"}

// encryptionKey matches the settings of encryption keys.
var encryptionKey = regexp.MustCompile(`^ENCRYPTION_KEY(?:_V[0-9]+)?$`)

// IsSecretName reports whether a setting is a secret by its name: one of OCMT, or one that is named as others
// are. A setting that has the path of a secret is none.
func IsSecretName(name string) bool {
	if !variableName.MatchString(name) {
		return false
	}
	for _, known := range Settings() {
		if known.Name == name {
			return !known.Path
		}
	}
	for _, end := range secretEnds {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return encryptionKey.MatchString(name) || slices.Contains([]string{"PGPASSWORD", "PASSWORD", "SECRET", "TOKEN", "API_KEY"}, name)
}
