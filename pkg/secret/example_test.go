package secret_test

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// documented are the examples of OCMT's documents and .env.example files (contract, section 2).
var documented = []string{
	"a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456",
	"YourSecureRandomToken123456789",
	"generate-a-secure-token-here",
	"change-this-to-something-secure",
	"generate-64-hex-chars-32-bytes-key",
	"your-google-client-id",
	"your-google-client-secret",
	"your-secret-token-here",
	"change-me-to-a-long-random-token",
}

// encodeAll percent-encodes every byte.
func encodeAll(text string) string {
	var b strings.Builder
	for i := range len(text) {
		fmt.Fprintf(&b, "%%%02x", text[i])
	}
	return b.String()
}

// If an example passed in one of the forms that people write it in, a secret that everybody can read
// in the documentation would be live, and the report would say that all is well.
func TestEveryExampleIsAPlaceholder(t *testing.T) {
	t.Parallel()
	for _, example := range documented {
		for form, text := range map[string]string{
			"as it is": example, "uppercase": strings.ToUpper(example), "lowercase": strings.ToLower(example),
			"double quotes": `"` + example + `"`, "single quotes": "'" + example + "'", "white space": " \t" + example + "\r\n",
			"prefix": "my-" + example, "suffix": example + "-2024!", "both": "prod_" + example + "_x",
			"underscores": strings.ReplaceAll(example, "-", "_"), "spaces": strings.ReplaceAll(example, "-", " "),
			"password of an address": "postgresql://ocmt:" + example + "@db:5432/ocmt?sslmode=require",
			"account of an address":  "rediss://" + example + ":c1d92e7fb3580a64@redis:6380/0",
			"alone in an address":    "redis://:" + example + "@redis",
			"encoded in an address":  "postgresql://ocmt:" + encodeAll(example) + "@db/ocmt",
			"encoded twice":          "postgresql://ocmt:" + strings.ReplaceAll(encodeAll(example), "%", "%25") + "@db/ocmt",
			"with a bad code":        "postgresql://ocmt:%zz" + encodeAll(example) + "%4@db/ocmt",
			"libpq":                  "host=db user=ocmt password='" + example + "'",
		} {
			if !secret.IsPlaceholder(text) {
				t.Errorf("%s: %s is no placeholder", example, form)
			}
		}
	}
	for _, text := range []string{
		"postgresql://ocmt:password@localhost:5432/ocmt", "ocmt:password@", "redis://:password@redis:6379", ":password@",
		"redis://:PASSWORD@redis", "postgresql://ocmt:p%61ssw%6Frd@db/ocmt", "postgresql://ocmt%3Apassword%40db", "password", " 'Password' ",
	} {
		if !secret.IsPlaceholder(text) {
			t.Errorf("%q is no placeholder", text)
		}
	}
}

// If a placeholder were only known by the word of one function, a check of a kind could pass it.
func TestEveryKindRefusesEveryExample(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.Kinds() {
		for _, example := range append(secret.Examples(), documented...) {
			for _, text := range []string{example, strings.ToUpper(example), "'" + example + "'"} {
				list := kind.Check(text)
				if len(list) == 0 || list[0].Code != finding.DocumentedExample || list[0].Fix == "" || kind.Fingerprint(text) != "" {
					t.Errorf("%s: %s passes, has a fingerprint, or is something else", kind.Name, example)
				}
			}
			if kind.Address {
				list := kind.CheckSettings(settings{kind.Setting: "scheme://ocmt:" + encodeAll(example) + "@host/ocmt"})
				if len(list) != 1 || list[0].Code != finding.DocumentedExample || list[0].Where != kind.Setting || list[0].Fix == "" {
					t.Errorf("%s: %s in an address: %v", kind.Name, example, list)
				}
			}
		}
	}
}

// If what is no example were called one, an operator would replace a good secret, and a check for leaks
// would leave a live one out.
func TestOthersAreNoPlaceholder(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "pass", "passwords", "mypassword", "postgresql://ocmt:password1@db", "postgresql://ocmt@db/password", "%", "%6", "%%%", soundKey,
		"https://auth.example.com/forgot?mail=password@example.com", "a1b2c3d4e5f6", "your-token",
	} {
		if secret.IsPlaceholder(text) {
			t.Errorf("%q is a placeholder", text)
		}
	}
	for range 2000 {
		for _, kind := range secret.MadeKinds() {
			text, err := kind.Generate(rand.Reader)
			if err != nil || secret.IsPlaceholder(text) || secret.IsPlaceholder("postgresql://ocmt:"+text+"@db:5432/ocmt") {
				t.Fatalf("%s: a random one is a placeholder: %v", kind.Name, err)
			}
		}
	}
}
