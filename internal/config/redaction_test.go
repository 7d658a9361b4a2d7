package config_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
)

// TestSecretHidesInUnexportedFields: a log line that prints another package's structure must
// not show a secret in it, whatever verb the line has.
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

// TestSecretsDoNotPrint: a settings struct that is written to a log must not reveal the
// keys.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret(marker)
	address := config.NewURL("postgresql://u:" + marker + "@h/d?password=" + marker)
	value := struct {
		S config.Secret
		U config.URL
		M map[string]config.Secret
		s config.Secret // fmt calls no method on an unexported field
		u config.URL
	}{secret, address, map[string]config.Secret{"0": secret}, secret, address}
	var written strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&written, verb+verb+verb+"\n", value, value.S, value.U)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	written.Write(text)
	slog.New(slog.NewTextHandler(&written, nil)).Info("x", "s", value.S, "u", value.U, "v", value)
	slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "s", value.S, "u", value.U, "v", value)
	for _, form := range []string{marker, fmt.Sprintf("%x", marker), fmt.Sprintf("%X", marker)} {
		if strings.Contains(written.String(), form) {
			t.Errorf("printed as %q", form)
		}
	}
	if !strings.Contains(written.String(), "[redacted]") {
		t.Error("[redacted] is not in the output")
	}
}

// TestRedacted: an operator distinguishes production from staging by the address that is
// shown before a run, and the address must not show its password.
func TestRedacted(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"postgresql://ocmt:" + marker + "@db:5432/ocmt?sslmode=require&password=" + marker: "postgresql://ocmt@db:5432/ocmt?sslmode=require",
		"postgres:///ocmt?host=/run/postgresql&user=ocmt":                                  "postgres:///ocmt?host=/run/postgresql&user=ocmt",
		"postgres://u:12/" + marker + "@h/d":                                               "[unreadable URL]",
		"postgres://u:12?" + marker + "@h/d":                                               "[unreadable URL]",
		"postgres://u:12#" + marker + "@h/d":                                               "[unreadable URL]",
		"mysql://u:" + marker + "@h/d":                                                     "[unreadable URL]",
		"host=db port=5432 user=ocmt password='" + marker + " x' dbname=ocmt":              "host=db port=5432 user=ocmt dbname=ocmt",
		`host=db password=a\ ` + marker + ` dbname=ocmt`:                                   "host=db dbname=ocmt",
		"host=db password='" + marker:                                                      "[unreadable URL]",
		"redis://:" + marker + "@cache:6379/0":                                             "redis://cache:6379/0",
		"rediss://" + marker + "@cache":                                                    "rediss://cache",
		marker:                                                                             "[unreadable URL]",
		"":                                                                                 "",
	} {
		if got := config.NewURL(text).Redacted(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
