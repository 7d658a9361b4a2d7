package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// A secret inside somebody else's structure must not come out through a log line
// that prints the structure, whatever verb the line has.
func TestSecretHidesInUnexportedFields(t *testing.T) {
	t.Parallel()
	const text = "correct horse battery staple"
	type holder struct {
		secret config.Secret
		url    config.URL
	}
	h := holder{config.NewSecret(text), config.NewURL("postgresql://u:" + text + "@h/d")}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%c", "%U", "%e"} {
		for _, value := range []any{h, &h, []holder{h}, map[string]holder{"k": h}} {
			shown := fmt.Sprintf(verb, value)
			if strings.Contains(shown, "horse") || strings.Contains(shown, fmt.Sprintf("%x", "horse")) {
				t.Errorf("%s of %T shows the secret", verb, value)
			}
		}
	}
}
