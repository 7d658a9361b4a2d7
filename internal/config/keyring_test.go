package config_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/config"
	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/crypto"
)

// testKey makes a key that is the same in each run and sound by every rule.
func testKey(t *testing.T, seed byte) crypto.Key {
	t.Helper()
	key, err := crypto.GenerateKey(rand.NewChaCha8([32]byte{seed}))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// TestKeyring: the ring that a run seals with must be the one that the servers
// have, or they cannot read what it wrote.
func TestKeyring(t *testing.T) {
	t.Parallel()
	a, b, c := testKey(t, 1), testKey(t, 2), testKey(t, 3)
	zero, one := 0, 1
	for _, test := range []struct {
		name     string
		environ  []string
		to       *int
		current  int
		versions []int
		sealing  crypto.Key
	}{
		{"one key, no version", []string{"ENCRYPTION_KEY=" + a.Reveal()}, nil, 0, []int{0}, a},
		{"two versions", []string{"ENCRYPTION_KEY=" + b.Reveal(), "ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0=" + a.Reveal()}, nil, 1, []int{0, 1}, b},
		{"a gap", []string{"ENCRYPTION_KEY=" + b.Reveal(), "ENCRYPTION_KEY_VERSION=3", "ENCRYPTION_KEY_V0=" + a.Reveal()}, nil, 3, []int{0, 3}, b},
		{"back to version 0", []string{"ENCRYPTION_KEY=" + b.Reveal(), "ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0=" + a.Reveal()}, &zero, 0, []int{0, 1}, a},
		{"after a rollback", []string{"ENCRYPTION_KEY=" + a.Reveal(), "ENCRYPTION_KEY_V1=" + b.Reveal()}, nil, 0, []int{0, 1}, a},
		{"forward from there", []string{"ENCRYPTION_KEY=" + a.Reveal(), "ENCRYPTION_KEY_V1=" + c.Reveal()}, &one, 1, []int{0, 1}, c},
		{"the current one repeated", []string{"ENCRYPTION_KEY=" + a.Reveal(), "ENCRYPTION_KEY_V0=" + a.Reveal()}, nil, 0, []int{0}, a},
		{"off a weak key", []string{"ENCRYPTION_KEY=" + a.Reveal(), "ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0=" + strings.Repeat("0", 64)}, nil, 1, []int{0, 1}, a},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring, err := load(t, test.environ).Keyring(test.to)
			if err != nil {
				t.Fatal(err)
			}
			if ring.Current() != test.current || !slices.Equal(ring.Versions(), test.versions) {
				t.Errorf("current %d, versions %v", ring.Current(), ring.Versions())
			}
			if key, _ := ring.Key(ring.Current()); !key.Equal(test.sealing) {
				t.Error("seals with another key")
			}
		})
	}
}

// TestKeyringRefused: each of these would seal values under a label that does
// not say which key opens them, or under a key that protects nothing.
func TestKeyringRefused(t *testing.T) {
	t.Parallel()
	a, b := testKey(t, 1).Reveal(), testKey(t, 2).Reveal()
	seven := 7
	for _, test := range []struct {
		name    string
		environ []string
		to      *int
		setting string
		missing bool
	}{
		{"nothing set", nil, nil, "ENCRYPTION_KEY", true},
		{"no current key", []string{"ENCRYPTION_KEY_V0=" + a}, nil, "ENCRYPTION_KEY", true},
		{"key of the target missing", []string{"ENCRYPTION_KEY=" + a}, &seven, "ENCRYPTION_KEY_V7", true},
		{"version with letters", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=1abc"}, nil, "ENCRYPTION_KEY_VERSION", false},
		{"version with a zero in front", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=01"}, nil, "ENCRYPTION_KEY_VERSION", false},
		{"negative version", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=-1"}, nil, "ENCRYPTION_KEY_VERSION", false},
		{"version too large", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=2147483648"}, nil, "ENCRYPTION_KEY_VERSION", false},
		{"short key", []string{"ENCRYPTION_KEY=" + a[:63]}, nil, "ENCRYPTION_KEY", false},
		{"short older key", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0=" + b[:63]}, nil, "ENCRYPTION_KEY_V0", false},
		{"odd name", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_V00=" + b}, nil, "ENCRYPTION_KEY_V00", false},
		{"one key for two versions", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=1", "ENCRYPTION_KEY_V0=" + a}, nil, "ENCRYPTION_KEY_V0", false},
		{"version not raised", []string{"ENCRYPTION_KEY=" + b, "ENCRYPTION_KEY_V0=" + a}, nil, "ENCRYPTION_KEY_V0", false},
		{"weak key to seal with", []string{"ENCRYPTION_KEY=" + strings.Repeat("0", 64)}, nil, "ENCRYPTION_KEY", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.environ).Keyring(test.to)
			var missing *config.MissingError
			if test.missing {
				if !errors.As(err, &missing) || missing.Name != test.setting || missing.Advice == "" {
					t.Fatalf("error %v, want a *MissingError about %s", err, test.setting)
				}
				return
			}
			wantInvalid(t, err, test.setting)
			for _, key := range []string{a[:63], b[:63]} {
				if strings.Contains(err.Error(), key) {
					t.Error("the error holds a key")
				}
			}
		})
	}
}

// TestNamesByChance: a variable that Kubernetes sets for a service must not stop a rotation
// at night. A key under a misspelt name must, because its version is missing otherwise.
func TestNamesByChance(t *testing.T) {
	t.Parallel()
	a, b := testKey(t, 1).Reveal(), testKey(t, 2).Reveal()
	for name, test := range map[string]struct {
		line  string
		taken bool
	}{
		"the host of a service":    {"ENCRYPTION_KEY_VAULT_SERVICE_HOST=10.96.0.7", false},
		"the address of a service": {"ENCRYPTION_KEY_VAULT_PORT=tcp://10.96.0.7:8200", false},
		"a path of a vault":        {"ENCRYPTION_KEY_VAULT_PATH=secret/data/ocmt", false},
		"the letter O":             {"ENCRYPTION_KEY_VO=" + b, true},
		"a word with a key":        {"ENCRYPTION_KEY_VZERO=" + b, true},
		"a word with a short key":  {"ENCRYPTION_KEY_VZERO=" + b[:50], true},
		"no version":               {"ENCRYPTION_KEY_V=x", true},
		"a negative version":       {"ENCRYPTION_KEY_V-1=x", true},
		"digits and letters":       {"ENCRYPTION_KEY_V0_OLD=x", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, []string{"ENCRYPTION_KEY=" + a, test.line}).Keyring(nil)
			if test.taken != (err != nil) {
				t.Errorf("error %v, want one: %t", err, test.taken)
			}
		})
	}
}

func load(t *testing.T, environ []string) *config.Settings {
	t.Helper()
	settings, err := config.Load(context.Background(), config.Request{Dir: t.TempDir(), Environ: environ})
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// TestKeyPlaces: a run that takes the key from a shell and its version from the env file seals
// with a key that the servers do not have. Keys from one place, or an older key that is set
// for one run, must not be refused.
func TestKeyPlaces(t *testing.T) {
	t.Parallel()
	a, b := testKey(t, 1).Reveal(), testKey(t, 2).Reveal()
	both := "ENCRYPTION_KEY=" + a + "\nENCRYPTION_KEY_VERSION=1\n"
	for name, test := range map[string]struct {
		envFile string
		environ []string
		codes   []finding.Code
	}{
		"all in the env file":             {both, nil, nil},
		"all in the environment":          {"", []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=1"}, nil},
		"the same in both":                {both, []string{"ENCRYPTION_KEY=" + a, "ENCRYPTION_KEY_VERSION=1"}, nil},
		"an older key for one run":        {both, []string{"ENCRYPTION_KEY_V0=" + b}, nil},
		"all others in both":              {both, []string{"ENCRYPTION_KEY=" + b, "ENCRYPTION_KEY_VERSION=1"}, []finding.Code{finding.TwoValues}},
		"another key":                     {both, []string{"ENCRYPTION_KEY=" + b}, []finding.Code{finding.TwoValues, finding.TwoPlaces}},
		"another key from a file":         {both, []string{"ENCRYPTION_KEY_FILE=other.key"}, []finding.Code{finding.TwoValues, finding.TwoPlaces}},
		"another version":                 {both, []string{"ENCRYPTION_KEY_VERSION=2"}, []finding.Code{finding.TwoValues, finding.TwoPlaces}},
		"another older key":               {both + "ENCRYPTION_KEY_V0=" + b, []string{"ENCRYPTION_KEY_V0=" + a}, []finding.Code{finding.TwoValues}},
		"the key alone":                   {"ENCRYPTION_KEY_VERSION=1", []string{"ENCRYPTION_KEY=" + a}, []finding.Code{finding.TwoPlaces}},
		"a file that the env file points": {"ENCRYPTION_KEY_FILE=other.key\nENCRYPTION_KEY_VERSION=1", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, dir, ".env", test.envFile)
			write(t, dir, "other.key", b)
			settings, err := config.Load(context.Background(), config.Request{Dir: dir, Environ: test.environ})
			if err != nil {
				t.Fatal(err)
			}
			var codes []finding.Code
			for _, found := range settings.CheckKeyPlaces() {
				codes = append(codes, found.Code)
				if strings.Contains(found.Message, a) || strings.Contains(found.Message, b) {
					t.Error("the message holds a key")
				}
			}
			if !slices.Equal(codes, test.codes) {
				t.Errorf("found %v, want %v", codes, test.codes)
			}
		})
	}
}
