package secret_test

import (
	"crypto/rand"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// settings are settings by name.
type settings map[string]string

func (s settings) Text(name string) string { return s[name] }

func (s settings) Names(prefix string) []string {
	return slices.DeleteFunc(slices.Collect(maps.Keys(s)), func(name string) bool { return !strings.HasPrefix(name, prefix) })
}

// If a kind were listed under a name that does not find it, or without a part, help would
// show a command that fails.
func TestKinds(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, kind := range secret.Kinds() {
		found, ok := secret.Lookup(kind.Name)
		if !ok || found.Name != kind.Name || seen[kind.Name] || kind.Setting != "" && seen[kind.Setting] {
			t.Errorf("%s: not found by its name, or listed twice", kind.Name)
		}
		if (kind.Generate == nil) != (kind.Maker != "") || (kind.Setting == "") != (kind.Column != "") || kind.Check == nil || kind.CheckSettings == nil || kind.Fingerprint == nil {
			t.Errorf("%s: lacks a function", kind.Name)
		}
		if kind.Name == "" || kind.Label == "" || kind.Form == "" || kind.Next == "" {
			t.Errorf("%s: lacks a text", kind.Name)
		}
		if (kind.VersionSetting == "") != (kind.OlderPrefix == "") {
			t.Errorf("%s: has one of the two settings of versions, and not the other", kind.Name)
		}
		seen[kind.Name], seen[kind.Setting] = true, true
	}
	if _, ok := secret.Lookup("Encryption"); ok {
		t.Error("found a kind that is not listed")
	}
	if finding.Warning.String() != "warning" || finding.Error.String() != "error" || finding.Severity(0).String() != "unknown" {
		t.Error("a severity has another word")
	}
}

// If a new secret did not pass the checks of its kind, validate would report what keygen
// has just made; if its fingerprint gave it away, so would every report.
func TestNewSecretsPass(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.MadeKinds() {
		seen := make(map[string]bool)
		for range 200 {
			text, err := kind.Generate(rand.Reader)
			if err != nil {
				t.Fatalf("%s: %v", kind.Name, err)
			}
			fingerprint := kind.Fingerprint(text)
			if list := kind.Check(text); len(list) > 0 {
				t.Fatalf("%s: a new one is reported as %s", kind.Name, list[0].Code)
			}
			if list := kind.CheckSettings(settings{kind.Setting: text}); len(list) > 0 {
				t.Fatalf("%s: a new one in its setting is reported as %s", kind.Name, list[0].Code)
			}
			if fingerprint == "" || seen[fingerprint] || strings.Contains(text, fingerprint) {
				t.Fatalf("%s: the fingerprint is missing, that of another, or part of the secret", kind.Name)
			}
			seen[fingerprint] = true
		}
	}
}

// If a finding repeated part of what was checked, a secret that is slightly wrong would go
// to every log that the report goes to.
func TestNoFindingRepeatsAText(t *testing.T) {
	t.Parallel()
	for _, kind := range secret.MadeKinds() {
		for _, spoil := range []func(text string) string{
			func(text string) string { return text[1:] },
			func(text string) string { return text + text },
			func(text string) string { return " " + text },
			func(text string) string { return text[:20] + "\x00" + text[21:] },
			func(text string) string { return strings.Repeat(text[:8], len(text)/8) },
			strings.ToUpper,
			func(text string) string { return hex.EncodeToString([]byte(text)) },
		} {
			text, err := kind.Generate(rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			text = spoil(text)
			given := settings{kind.Setting: text}
			if kind.OlderPrefix != "" { // an operator may type the secret into the name by mistake
				given[kind.OlderPrefix+"0"], given[kind.OlderPrefix+text] = text, text
			}
			for _, found := range append(kind.Check(text), kind.CheckSettings(given)...) {
				if repeats(found, []string{text}) {
					t.Errorf("%s: %s repeats part of what was checked", kind.Name, found.Code)
				}
			}
		}
	}
}

// If a setting were missing from the list, config would not read it and validate would not
// check it.
func TestSettingNames(t *testing.T) {
	t.Parallel()
	kind, _ := secret.Lookup("encryption")
	given := settings{older + "1": "b", older + "10": "c", older + "x": "d", version: "2", "OTHER": "e"}
	want := []string{current, version, older + "1", older + "10", older + "x"}
	if diff := cmp.Diff(want, kind.SettingNames(given.Names)); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	plain := secret.Kind{Setting: "TOKEN"}
	if diff := cmp.Diff([]string{"TOKEN"}, plain.SettingNames(settings{"TOKEN": "a", "TOKEN_V0": "b"}.Names)); diff != "" {
		t.Errorf("names of a kind without versions (-want +got):\n%s", diff)
	}
}

// If the name of a setting were always shown, a secret that was typed there by mistake would
// stand in a report.
func TestShownName(t *testing.T) {
	t.Parallel()
	kind, _ := secret.Lookup("encryption")
	for name, want := range map[string]string{
		current: current, older + "0": older + "0", older + "x": older + "x", older: older,
		older + soundKey:               older + "[not shown]",
		older + "kJ8dQ2mZ0aB7xY5wT3vR": older + "[not shown]",
	} {
		if got := kind.ShownName(name); got != want {
			t.Errorf("name of %d characters: shown wrongly", len(name))
		}
	}
}
