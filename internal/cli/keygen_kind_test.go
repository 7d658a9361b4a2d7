package cli

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// otherKind is a kind that pkg/secret does not list and that has no versions.
func otherKind(text string) secret.Kind {
	return secret.Kind{Name: "other", Label: "other token", Setting: "OTHER_TOKEN", Places: []secret.Place{{Setting: "OTHER_TOKEN"}}, Form: "the word that a test gives", Next: "use it",
		Generate: func(io.Reader) (string, error) {
			if text == "" {
				return "", errors.New("no entropy")
			}
			return text, nil
		},
		Check: func(text string) []finding.Finding {
			if text == "bad" {
				return []finding.Finding{{Code: finding.Length, Severity: finding.Error, Message: "is too short", Fix: "make another"}}
			}
			return nil
		},
		Fingerprint: func(string) string { return "f00d" },
	}
}

// If this fails, keygen writes a secret of another kind under the name, or in the form, of an
// encryption key, and a server is started with it.
func TestKeygenMakesAnyKind(t *testing.T) {
	t.Parallel()
	kind := otherKind("hello")
	made, err := makeSecret(kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{
		formatRaw:    "hello\n",
		formatEnv:    "OTHER_TOKEN=hello\n",
		formatJSON:   `"kind": "other"`,
		formatDocker: "hello",
		formatKubernetes: `apiVersion: v1
kind: Secret
metadata:
  name: ocmt-other
type: Opaque
data:
  OTHER_TOKEN: aGVsbG8=
`,
	} {
		options := keygenOptions{Kind: kind.Name, Format: format}
		if text, err := options.render(kind, []config.Secret{made}); err != nil || !strings.Contains(text, want) || strings.Contains(text, "ENCRYPTION") {
			t.Errorf("%s: %v, %q does not hold %q", format, err, text, want)
		}
	}
	if got, want := describeKinds([]secret.Kind{kind}), "other, for OTHER_TOKEN:\n  the word that a test gives\n"; got != want {
		t.Errorf("help says %q, want %q", got, want)
	}
}

// If this fails, a source that gives no secret, or a bad one, makes a file that servers are
// started with.
func TestKeygenRefusesWhatTheKindRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":    "making the other token: no entropy",
		"bad": "checking the new other token: it is too short",
	} {
		if made, err := makeSecret(otherKind(text), nil); err == nil || err.Error() != want || made.IsSet() {
			t.Errorf("%q: %v, want %q and no secret", text, err, want)
		}
	}
}

// If this fails, a new kind of secret needs changes in the commands, and the one that is
// forgotten is neither made nor checked.
func TestCommandsKnowNoKindByName(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"keygen.go", "keygen_forms.go", "validate.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range secret.Kinds() {
			for _, word := range []string{kind.Setting, kind.Label, kind.Form, `"` + kind.Name + `"`} {
				if word != "" && strings.Contains(string(source), word) {
					t.Errorf("%s names %s, which is for pkg/secret to say", file, word)
				}
			}
		}
		if strings.Contains(string(source), "pkg/crypto") {
			t.Errorf("%s imports pkg/crypto, so it takes every secret for an encryption key", file)
		}
	}
}
