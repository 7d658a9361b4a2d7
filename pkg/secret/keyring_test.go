package secret_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/pkg/secret"
)

// If the wrong setting were named, or a ring were made of keys that do not fit their
// numbers, values would be sealed under a label that does not say which key opens them.
// The tests of internal/config check the rings that are made.
func TestKeyringNamesTheSetting(t *testing.T) {
	t.Parallel()
	two := 2
	for name, test := range map[string]struct {
		set     keys
		to      *int
		setting string
		missing bool
		message string // what Error says behind the name
	}{
		"nothing set":      {keys{}, nil, current, true, "is not set"},
		"no key to return": {keys{Current: soundKey}, &two, older + "2", true, "is not set"},
		"odd version":      {keys{Current: soundKey, CurrentVersion: "1abc"}, nil, version, false, "must be a plain whole number such as 0 or 1"},
		"short key":        {keys{Current: soundKey[:63]}, nil, current, false, "is not a key: a key is exactly 64 hexadecimal characters: it has 63 characters"},
		"odd name":         {keys{Current: soundKey, Older: map[string]string{"00": secondKey}}, nil, older + "00", false, "has no plain version number behind its V"},
		"version not raised": {keys{Current: soundKey, Older: map[string]string{"0": secondKey}}, nil, older + "0", false,
			"holds another key than ENCRYPTION_KEY, and ENCRYPTION_KEY_VERSION gives both the number 0"},
		"one key twice": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": soundKey}}, nil, older + "0", false,
			"holds the same key as ENCRYPTION_KEY"},
		"weak": {keys{Current: fill("0")}, nil, current, false, "must not be sealed with: repeats one character, which can be guessed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ring, err := secret.NewKeySet(test.set.Current, test.set.CurrentVersion, test.set.Older).Keyring(test.to)
			var setting *secret.SettingError
			if ring != nil || !errors.As(err, &setting) {
				t.Fatalf("ring %v, error %v, want a *SettingError", ring, err)
			}
			if setting.Name != test.setting || setting.Missing != test.missing || setting.Advice == "" {
				t.Errorf("names %s, missing %t, advice %q; want %s, %t and some advice", setting.Name, setting.Missing, setting.Advice, test.setting, test.missing)
			}
			if want := test.setting + " " + test.message; err.Error() != want {
				t.Errorf("says %q, want %q", err, want)
			}
		})
	}
	// A key behind the V is no number, and must not come back in the error.
	misspelt := secret.NewKeySet(soundKey, "1", map[string]string{secondKey: thirdKey})
	if _, err := misspelt.Keyring(nil); err == nil || strings.Contains(err.Error(), secondKey) {
		t.Error("the error shows a key that stands in a name, or there is none")
	}
}

// If a set of keys printed, a log line that prints what it is part of would give them away.
func TestKeySetDoesNotPrint(t *testing.T) {
	t.Parallel()
	set := secret.NewKeySet(soundKey, "1", map[string]string{"0": secondKey})
	type holder struct{ keys secret.KeySet }
	held := holder{set}
	var written strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		fmt.Fprintf(&written, strings.Repeat(verb+"\n", 4), set, &set, held, []holder{held})
	}
	slog.New(slog.NewTextHandler(&written, nil)).Info("x", "set", set, "held", held)
	slog.New(slog.NewJSONHandler(&written, nil)).Info("x", "set", set, "held", held)
	text, err := json.Marshal([]any{set, held, map[string]any{"set": set}})
	if err != nil {
		t.Fatal(err)
	}
	written.Write(text)
	for _, key := range []string{soundKey, secondKey} {
		for _, form := range []string{key, fmt.Sprintf("%x", key), fmt.Sprintf("%X", key)} {
			if strings.Contains(written.String(), form) {
				t.Error("a key is printed")
			}
		}
	}
	if !strings.Contains(written.String(), "[redacted]") {
		t.Error("nothing says [redacted]")
	}
}

// If a version that is not spelt plainly were read, ocmt and the server would differ about
// which key a value is under.
func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 0, "1": 1, "10": 10, "2147483647": 2147483647,
		"": -1, "01": -1, "+1": -1, "-1": -1, "-0": -1, "1abc": -1, " 1": -1, "1_0": -1, "2147483648": -1} {
		got, err := secret.ParseVersion(text)
		if want < 0 && !errors.Is(err, secret.ErrVersion) || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	if !secret.NewKeySet("", "1", nil).IsEmpty() || secret.NewKeySet("", "", map[string]string{"0": soundKey}).IsEmpty() || !(secret.KeySet{}).IsEmpty() {
		t.Error("IsEmpty is wrong about a set")
	}
}
