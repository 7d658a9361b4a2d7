package secret_test

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ocmt/ocmt/internal/finding"
	"github.com/ocmt/ocmt/pkg/secret"
)

// Random keys of no deployment, beside soundKey.
const (
	secondKey = "5be0971c3fd2a846709e1bc8f4532da6e81f7c0459b3d62ea7903f64cb158d0e"
	thirdKey  = "f27a4d81069cbe35d8e1503fb2974c6a1e83d05f7b42a9c60d5ee8913a64f7cb"
)

// Short names for settings in the tables.
const (
	current = "ENCRYPTION_KEY"
	version = "ENCRYPTION_KEY_VERSION"
	older   = "ENCRYPTION_KEY_V"
)

// keys are the texts of a secret.KeySet.
type keys struct {
	Current, CurrentVersion string
	Older                   map[string]string
}

// check returns what is wrong with the keys.
func (k keys) check() []finding.Finding {
	return secret.CheckEncryptionKeys(secret.NewKeySet(k.Current, k.CurrentVersion, k.Older))
}

type keySetTest struct {
	set  keys
	want []reported
}

func runKeySets(t *testing.T, tests map[string]keySetTest) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			texts := append(slices.Collect(maps.Values(test.set.Older)), test.set.Current)
			wantFindings(t, test.set.check(), test.want, texts...)
		})
	}
}

// If a sound set of keys were reported, operators would learn to overlook what
// ocmt reports.
func TestSoundKeySets(t *testing.T) {
	t.Parallel()
	runKeySets(t, map[string]keySetTest{
		"one key":                  {keys{Current: soundKey}, nil},
		"one key, version 0":       {keys{Current: soundKey, CurrentVersion: "0"}, nil},
		"before a rotation":        {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": secondKey}}, nil},
		"after it":                 {keys{Current: soundKey, CurrentVersion: "1"}, nil},
		"retired below the oldest": {keys{Current: soundKey, CurrentVersion: "12", Older: map[string]string{"11": secondKey, "10": thirdKey}}, nil},
	})
}

// If a bad key passed because of where it stands, its values would be lost or
// open to anybody; if no setting were named, the operator would change the
// wrong one.
func TestKeySetNamesTheSetting(t *testing.T) {
	t.Parallel()
	const example = "a1b2c3d4e5f6789012345678901234567890abcdef1234567890abcdef123456"
	runKeySets(t, map[string]keySetTest{
		"nothing set": {keys{}, []reported{{current, "missing", finding.Error}}},
		"current key is the example": {keys{Current: example},
			[]reported{{current, "documented_example", finding.Error}}},
		"older key of zeros": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": fill("0")}},
			[]reported{{older + "0", "all_equal", finding.Error}}},
		"older key cut short": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": secondKey[:63]}},
			[]reported{{older + "0", "length", finding.Error}}},
		"older key empty": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": ""}},
			[]reported{{older + "0", "missing", finding.Error}}},
		"uppercase": {keys{Current: strings.ToUpper(soundKey), CurrentVersion: "1", Older: map[string]string{"0": strings.ToUpper(secondKey)}},
			[]reported{{current, "uppercase", finding.Warning}, {older + "0", "uppercase", finding.Warning}}},
		"by number, not by text": {keys{Current: soundKey, CurrentVersion: "11",
			Older: map[string]string{"10": fill("1"), "9": fill("2"), "old": thirdKey}},
			[]reported{{older + "9", "all_equal", finding.Error}, {older + "10", "all_equal", finding.Error}, {older + "old", "version_number", finding.Error}}},
	})
}

// If one key under two versions passed, a rotation between them would report
// success while every value stays under the key that leaked.
func TestDuplicateKeys(t *testing.T) {
	t.Parallel()
	runKeySets(t, map[string]keySetTest{
		"old key kept as the new one": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": soundKey}},
			[]reported{{older + "0", "duplicate_key", finding.Error}}},
		"in another case": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"0": strings.ToUpper(soundKey)}},
			[]reported{{older + "0", "uppercase", finding.Warning}, {older + "0", "duplicate_key", finding.Error}}},
		"two older ones": {keys{Current: soundKey, CurrentVersion: "2", Older: map[string]string{"0": secondKey, "1": secondKey}},
			[]reported{{older + "1", "duplicate_key", finding.Error}}},
		"all three": {keys{Current: soundKey, CurrentVersion: "2", Older: map[string]string{"0": soundKey, "1": soundKey}},
			[]reported{{older + "0", "duplicate_key", finding.Error}, {older + "1", "duplicate_key", finding.Error}}},
		"under a name that is not read": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"00": soundKey}},
			[]reported{{older + "00", "version_number", finding.Error}, {older + "00", "duplicate_key", finding.Error}}},
	})
}

// If a gap went unnamed, values under that version would come to light only
// when a server fails to open them.
func TestGaps(t *testing.T) {
	t.Parallel()
	runKeySets(t, map[string]keySetTest{
		"one version": {keys{Current: soundKey, CurrentVersion: "2", Older: map[string]string{"0": secondKey}},
			[]reported{{older + "1", "gap", finding.Warning}}},
		"however many": {keys{Current: soundKey, CurrentVersion: "2147483647", Older: map[string]string{"0": secondKey}},
			[]reported{{older + "1", "gap", finding.Warning}}},
		"two gaps": {keys{Current: soundKey, CurrentVersion: "9", Older: map[string]string{"1": secondKey, "4": thirdKey}},
			[]reported{{older + "2", "gap", finding.Warning}, {older + "5", "gap", finding.Warning}}},
		"an empty key closes none": {keys{Current: soundKey, CurrentVersion: "2", Older: map[string]string{"0": secondKey, "1": ""}},
			[]reported{{older + "1", "missing", finding.Error}, {older + "1", "gap", finding.Warning}}},
	})
	wide := keys{Current: soundKey, CurrentVersion: "9", Older: map[string]string{"1": secondKey}}
	problems := wide.check()
	if len(problems) != 1 || !strings.Contains(problems[0].Message, "up to version 8") {
		t.Error("does not say where the gap ends")
	}
}

// If a text were taken for a number that it merely begins with, ocmt and the
// server would seal under different versions.
func TestVersionNumbers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"1abc", "01", "+1", "-1", "1.0", "1e3", "0x1", " 1", "1 ", "1\n", "v1", "one", "1_0", "١",
		"2147483648", "4294967297", "18446744073709551617"} {
		t.Run(strconv.Quote(text), func(t *testing.T) {
			t.Parallel()
			as := keys{Current: soundKey, CurrentVersion: text, Older: map[string]string{"0": secondKey}}
			wantFindings(t, as.check(), []reported{{version, "version_number", finding.Error}}, soundKey, secondKey)
			behind := keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{text: secondKey}}
			wantFindings(t, behind.check(), []reported{{older + text, "version_number", finding.Error}}, soundKey, secondKey)
		})
	}
	behind := keys{Current: soundKey, Older: map[string]string{"": secondKey}}
	wantFindings(t, behind.check(), []reported{{older, "version_number", finding.Error}}, soundKey, secondKey)
}

// If a changed key under an unchanged number went unseen, two keys would stand
// behind one label, and what the old one sealed would be taken for damaged.
func TestKeysThatTheServerIgnores(t *testing.T) {
	t.Parallel()
	runKeySets(t, map[string]keySetTest{
		"above the current version": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"2": secondKey}},
			[]reported{{older + "2", "ignored", finding.Warning}}},
		"version not set at all": {keys{Current: soundKey, Older: map[string]string{"1": secondKey}},
			[]reported{{older + "1", "ignored", finding.Warning}}},
		"the current key once more": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"1": soundKey}},
			[]reported{{older + "1", "ignored", finding.Warning}}},
		"another key of the current version": {keys{Current: soundKey, CurrentVersion: "1", Older: map[string]string{"1": secondKey}},
			[]reported{{older + "1", "version_not_raised", finding.Error}}},
		"the key changed, the number not": {keys{Current: soundKey, Older: map[string]string{"0": secondKey}},
			[]reported{{older + "0", "version_not_raised", finding.Error}}},
	})
}

// If checking changed the settings that it looks at, what is used afterwards
// would not be what was checked.
func TestCheckChangesNothing(t *testing.T) {
	t.Parallel()
	given := map[string]string{"0": secondKey, "2": thirdKey, "x": soundKey}
	kept := maps.Clone(given)
	set := secret.NewKeySet(soundKey, "3", given)
	first, second := secret.CheckEncryptionKeys(set), secret.CheckEncryptionKeys(set)
	if !maps.Equal(given, kept) || !reflect.DeepEqual(first, second) {
		t.Error("changed the settings, or says something else the second time")
	}
}
